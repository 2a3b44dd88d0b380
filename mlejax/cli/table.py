"""The commands and their options: one table."""

import argparse
import dataclasses

from ..samples.cells import shown
from .numbers import (
    at_least_one,
    at_least_one_or_all,
    axis_values,
    fixed_value,
    geometric,
    number,
    parameter_values,
    path,
    rate_values,
    share,
    sizes,
    whole,
    whole_numbers,
)
from .option import COLUMN, DIRECTORY, FILE, FORMATS, HELD_OUT, JSON, STOPPING, Command, Option, output

TABLES = ("csv", "parquet", "netcdf")

MOST_DEVICES = 1024


def _devices(text: str) -> int:
    count = at_least_one(text)
    if count > MOST_DEVICES:
        raise argparse.ArgumentTypeError(f"at most {MOST_DEVICES:,} devices are possible; got {shown(text)}")
    return count


FIT = (
    FILE,
    *COLUMN,
    Option("--model", "a family of `mlejax models`, or your own, module:Name; default normal", str, "NAME", "normal"),
    Option("--fixed", "a parameter that is not estimated; may be repeated", fixed_value, "NAME=VALUE", repeated=True),
    Option("--lower", "the lower limit of a model that is truncated: --model 'truncated(normal)'", number, "LIMIT"),
    Option("--upper", "likewise the upper limit", number, "LIMIT"),
    Option("--event", "the column of 1 where the end was seen, 0 where watching ended before", metavar="NAME"),
    Option(
        "--upper-column",
        "the column of upper ends, where each number is only known to lie between --column and this one; inf where the "
        "end is not known",
        metavar="NAME",
    ),
    Option("--weights", "the column that says how often each row counts", metavar="NAME"),
    Option(
        "--response",
        "the column that a regression explains: --model linear, logistic, poisson or negative_binomial",
        metavar="NAME",
    ),
    Option("--columns", "the columns that explain it; '' for a constant alone", metavar="A,B"),
    Option("--no-intercept", "no constant among the coefficients", flag=True),
    Option("--offset", "the column that is added to what explains it, such as a log-exposure", metavar="NAME"),
    Option("--by", "the column that names the group of each row: a fit for each group", metavar="NAME"),
    Option("--starts", "how many starts; the highest maximum is taken; default 1", at_least_one, "N"),
)
KEEPS = (
    Option("--repair", "with --by: fit again what is damaged in --out", flag=True),
    Option(
        "--allow-mixed",
        "with --by: go on with fits that were made on another device or version, whose last bits may differ",
        flag=True,
    ),
)
CLUSTER = (
    Option(
        "--distributed",
        "share the runs with the other processes that SLURM or Open MPI has started, or that JAX finds",
        flag=True,
    ),
    Option("--num-processes", "how many processes share the runs, where nothing else says it", at_least_one, "N"),
    Option("--process-id", "with --num-processes: which of them this is, from 0", whole, "I"),
)
KNOWN = {option.name: option for option in FIT}
LEVEL = Option("--level", "of the intervals; default 0.95", share, "LEVEL", 0.95)
START = Option(
    "--start",
    "where training begins, such as shape=1,rate=1; default of normal mean=0,variance=1, of your own model what it is",
    parameter_values,
    "NAME=VALUE,...",
)
TRAIN = (
    FILE,
    *COLUMN,
    Option(
        "--learning-rate",
        "plain gradient ascent with this rate; default the natural gradient, unaffected by units, at a suggested rate; "
        "of a model without one a suggested rate for each parameter",
        number,
        "RATE",
    ),
    Option(
        "--learning-rate-of",
        "the rate of one parameter, such as shape=0.01; may be repeated; of the others --learning-rate, or 0.1",
        rate_values,
        "NAME=RATE",
        repeated=True,
    ),
    *(KNOWN[name] for name in ("--model", "--fixed", "--lower", "--upper")),
    START,
    Option("--start-mean", "of a normal model, in place of --start; default 0", number, "MEAN"),
    Option("--start-variance", "likewise; default 1", number, "VARIANCE"),
    HELD_OUT,
    Option("--split-seed", "seed of the split; default 42", whole, "SEED", 42),
    *STOPPING,
)

COMMANDS = {
    "sweep": Command(
        "train at many seeds and learning rates, on all cores or GPUs",
        "mlejax sweep --seeds 0:1000 --learning-rates 0.01:10:31 --out atlas",
        (
            Option("--seeds", "0:100 or 0,5,7; default 0:100", whole_numbers, "SEEDS"),
            Option("--learning-rates", "0.001:10:41 (geometric) or 0.1,0.2; default 0.001:10:41", geometric, "RATES"),
            Option(
                "--learning-rate-of",
                "learning rates of one parameter, an axis of its own, such as shape=0.01:1:5; may be repeated; of the "
                "others 0.1",
                rate_values,
                "NAME=RATES",
                repeated=True,
            ),
            Option("--learning-rate-mean", "rates of the mean alone, an axis of its own", geometric, "RATES"),
            Option("--learning-rate-variance", "rates of the variance alone, an axis of its own", geometric, "RATES"),
            Option(
                "--observations",
                "draws per seed, default 100000; several are an axis: 100,1000,10000 or 100:10000:3",
                sizes,
                "N",
            ),
            Option("--file", "your own numbers in place of draws; seeds then vary the split", path, "FILE"),
            *COLUMN,
            *(KNOWN[name] for name in ("--model", "--fixed", "--lower", "--upper")),
            START,
            Option(
                "--true",
                "the parameters of the model to draw from; default of normal the reference problem, mean=7.2,"
                "variance=7.84",
                parameter_values,
                "NAME=VALUE,...",
            ),
            Option(
                "--by", "the column that names the group of each row: runs for each group, no seeds", metavar="NAME"
            ),
            Option(
                "--draw",
                "jax: independent draws; numpy: NumPy's legacy stream and scikit-learn's split; statistics: the "
                "sufficient statistics of a sample, drawn directly; default jax",
                choices=("jax", "numpy", "statistics"),
            ),
            HELD_OUT,
            Option("--devices", "number of CPU devices JAX should expose; default one per core", _devices, "N"),
            *CLUSTER,
            Option(
                "--record",
                "keep the histories of the runs with these values, such as learning_rate=0.1,1 or seed=0:3 or "
                "group=berlin; once for each axis; at most 1,000 runs",
                axis_values,
                "AXIS=VALUES",
                repeated=True,
            ),
            Option("--explain", "predict time, memory and disk from a short trial, and stop", flag=True),
            Option("--repair", "recompute what is damaged in the result directory", flag=True),
            Option(
                "--allow-mixed",
                "continue a sweep that was begun on other devices or versions, whose last bits may differ; each batch "
                "records how it was computed",
                flag=True,
            ),
            *STOPPING,
            *output(
                "mlejax-sweep",
                "directory for the results (a Zarr store) and the figures; repeating a command resumes it",
            ),
        ),
    ),
    "fit": Command(
        "find the maximum of the likelihood of a column of numbers, with standard errors",
        "mlejax fit heights.csv --column cm --model gamma",
        (
            *FIT,
            *KEEPS,
            *(dataclasses.replace(option, help=f"with --by and --out: {option.help}") for option in CLUSTER),
            dataclasses.replace(
                output("mlejax-fit")[0],
                help="directory for the figures, and with --by for the fits, where the same command goes on; default "
                "mlejax-fit, where it does not",
                default=None,
            ),
            *output("mlejax-fit")[1:],
        ),
        {
            "times, some not ended (died is 0)": "mlejax fit lives.csv --column months --event died --model weibull",
            "numbers between two columns": "mlejax fit visits.csv --column from --upper-column to --model weibull",
            "a regression": "mlejax fit heights.csv --response cm --columns age,weight --model linear",
        },
    ),
    "bootstrap": Command(
        "fit resamples of a column of numbers: errors, bias and intervals of the estimate; exit status 1 if "
        "the numbers themselves have no maximum",
        "mlejax bootstrap heights.csv --column cm --model gamma --resamples 10000",
        (
            FILE,
            *COLUMN,
            *(KNOWN[name] for name in ("--model", "--fixed", "--lower", "--upper", "--event", "--upper-column")),
            Option("--resamples", "how many; default 1000", at_least_one, "N", 1000),
            Option("--seed", "of the resamples; default 0", whole, "SEED", 0),
            LEVEL,
            *output("mlejax-bootstrap"),
        ),
    ),
    "study": Command(
        "fit samples drawn from a known model: bias, scatter, and how often intervals hold the truth",
        "mlejax study --model gamma --true shape=2,rate=1 --counts 20,100,1000",
        (
            KNOWN["--model"],
            KNOWN["--fixed"],
            KNOWN["--lower"],
            KNOWN["--upper"],
            Option(
                "--true",
                "the parameters of the model to draw from, such as shape=2,rate=1; the numbers of an array one by one, "
                "mean[0]=2,mean[1]=3,covariance[0,0]=1,covariance[0,1]=0.5,covariance[1,1]=1",
                parameter_values,
                "NAME=VALUE,...",
                required=True,
            ),
            Option("--counts", "observations in a sample; default 20,100,1000", sizes, "N", "20,100,1000"),
            Option("--samples", "of each count; default 1000", at_least_one, "N", 1000),
            Option("--intervals", "of wald, percentile, basic and bca; default wald", metavar="NAMES", default="wald"),
            Option("--resamples", "of each sample, for intervals other than wald; default 1000", at_least_one, "N"),
            Option("--seed", "of the draws; default 0", whole, "SEED", 0),
            LEVEL,
            *output("mlejax-study"),
        ),
    ),
    "compare": Command(
        "fit families to a column of numbers and order them by Akaike's criterion; exit status 1 if none has a maximum",
        "mlejax compare heights.csv --column cm --models normal,gamma,'shifted(weibull)'",
        (
            FILE,
            *COLUMN,
            Option(
                "--models",
                "as in `fit --model`, with commas; default every family that has a density for all of the numbers; of "
                "whole numbers, every family of these",
                metavar="NAMES",
            ),
            Option("--weights", "the column that says how often each row counts", metavar="NAME"),
            *output("mlejax-compare"),
        ),
    ),
    "train": Command(
        "train a model on a column of numbers, a normal distribution unless told otherwise, with early stopping",
        "mlejax train heights.csv --column cm",
        (*TRAIN, *output("mlejax-train")),
        {"a model of another family": "mlejax train heights.csv --column cm --model gamma --start shape=9,rate=0.1"},
    ),
    "reproduce": Command(
        "compute the figures of the reference problem, beside those that were published",
        "mlejax reproduce",
        output("mlejax-reproduce"),
    ),
    "plot": Command(
        "redraw the figures of a stored sweep",
        "mlejax plot mlejax-sweep --format pdf",
        (
            DIRECTORY,
            Option("--out", "directory for the figures; default DIR", path, "FOLDER"),
            Option("--format", "figure format; default png", choices=FORMATS, default="png"),
            JSON,
        ),
    ),
    "verify": Command(
        "recompute some runs of a stored sweep and compare them bit for bit",
        "mlejax verify mlejax-sweep --runs 100",
        (
            DIRECTORY,
            Option("--runs", "how many, or all; default 64", at_least_one_or_all, "N", 64),
            Option("--file", "where the numbers are now, of a sweep that was given a file", path, "FILE"),
            *COLUMN,
            JSON,
        ),
    ),
    "check": Command(
        "look at a model for what would spoil a long run: derivatives, normalization, support, parameters that data "
        "cannot tell; exit status 1 on a finding",
        "mlejax check mymodels:Rayleigh waves.csv --column meters",
        (
            Option("model", "as in `fit --model`", metavar="MODEL"),
            dataclasses.replace(FILE, may_lack=True),
            *COLUMN,
            JSON,
        ),
    ),
    "models": Command(
        "list the families that come with mlejax: parameters, observations, sufficient statistics",
        "mlejax models --family weibull",
        (Option("--family", "tell more of one: its formula, its parameters, its source", metavar="NAME"), JSON),
    ),
    "export": Command(
        "write the results of a stored sweep as a table for other programs",
        "mlejax export mlejax-sweep --format csv",
        (
            DIRECTORY,
            Option("--format", "needs pip install 'mlejax[export]'", choices=TABLES, required=True),
            Option("--out", "default DIR with the format's suffix", path, "FILE"),
            Option("--finished-only", "leave out the runs that have not ended (csv, parquet)", flag=True),
            JSON,
        ),
    ),
}
