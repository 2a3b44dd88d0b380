"""Families by what they are called."""

import pytest

import mlejax
from mlejax.models import FAMILIES
from mlejax.models.named import Called, family_named, parsed
from mlejax.models.parameters import parameter_dict


def test_what_is_written_is_read():
    assert parsed("normal") == Called("normal")
    assert parsed(" fixed ( student_t , degrees_of_freedom = 9 ) ") == Called(
        "fixed", (Called("student_t"),), (("degrees_of_freedom", 9),)
    )
    assert parsed("mixture(normal,3)") == Called("mixture", (Called("normal"), 3))
    assert parsed("a(b(c:D.e,-1.5e3),x=.5)") == Called("a", (Called("b", (Called("c:D.e"), -1500.0)),), (("x", 0.5),))


@pytest.mark.parametrize("text", ["normal", "mixture(normal, 3)", "fixed(shifted(weibull), shape=0.5)"])
def test_a_name_is_written_as_it_was_read(text):
    assert str(parsed(text)) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected a name at its end of ''"),
        ("fixed(", r"expected a name at its end of 'fixed\('"),
        ("fixed(normal", r"expected '\)' at its end"),
        ("fixed(normal))", r"expected 'end of the name' at '\)'"),
        ("3", "expected a name at '3'"),
        ("a b", "expected 'end of the name' at 'b'"),
        ("a(x=y)", r"expected 'number' at 'y\)'"),
        ("a(x;y)", r"expected a name, a number or one of \( \) , = at ';y\)'"),
    ],
)
def test_what_is_written_wrongly_is_refused_where_it_is(text, said):
    with pytest.raises(mlejax.InputError, match=said):
        parsed(text)


def test_families_by_name():
    assert all(family_named(name) is FAMILIES[name] for name in ("normal", "weibull", "poisson"))
    assert family_named("binomial(10)") == mlejax.Binomial.of(10)
    assert family_named("fixed(weibull, shape=2)") == mlejax.Fixed.of(mlejax.Weibull, shape=2)
    nested = family_named("fixed(fixed(student_t, degrees_of_freedom=3), scale=1)")
    assert list(parameter_dict(nested.start([1.0, 2.0, 4.0]))) == ["location"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gaussian", "there is no family gaussian; they are normal, .*, and fixed"),
        ("StudentT", r"there is no family StudentT \(did you mean student_t\?\); they are"),
        ("shifted(weibul)", r"there is no family weibul \(did you mean weibull\?\)"),
        ("normal(3)", r"normal\(3\): normal takes no arguments"),
        ("binomial(a=3)", r"binomial\(a=3\): missing a required argument: 'trials'; write it as in binomial\(10\)"),
        ("mixture(normal)", r"missing a required argument: 'weights'; write it as in mixture\(normal, 2\)"),
        ("shifted", r"shifted: missing a required argument: 'inner'; write it as in shifted\(weibull\)"),
        ("fixed(shape=3)", r"fixed\(shape=3\): missing a required argument"),
        ("fixed(weibull)", "Fixed needs a parameter to fix"),
    ],
)
def test_names_of_nothing_are_refused(text, said):
    with pytest.raises(mlejax.InputError, match=said):
        family_named(text)


def test_a_name_may_stand_for_something_else():
    assert family_named("fixed(mine, variance=1)", {"mine": mlejax.Normal}.get) == mlejax.Fixed.of(
        mlejax.Normal, variance=1
    )
