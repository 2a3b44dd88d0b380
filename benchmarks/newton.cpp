// One pass of a Newton step on raw observations: the mean log-likelihood, its gradient and its matrix of second
// derivatives by the parameters, derived by hand. A loop adds up what they are made of.
#include <cmath>
#include <cstddef>
#include <initializer_list>

namespace {

constexpr double pi = 3.14159265358979323846;

double digamma(double x) {
    double shift = 0;
    for (; x < 12; ++x) shift -= 1 / x;
    const double y = 1 / (x * x);
    return shift + std::log(x) - 0.5 / x -
           y * (1 / 12. - y * (1 / 120. - y * (1 / 252. - y * (1 / 240. - y * (1 / 132. - y * 691 / 32760.)))));
}

double trigamma(double x) {
    double shift = 0;
    for (; x < 16; ++x) shift += 1 / (x * x);
    const double y = 1 / (x * x);
    return shift + 1 / x + y / 2 +
           y / x * (1 / 6. - y * (1 / 30. - y * (1 / 42. - y * (1 / 30. - y * (5 / 66. - y * 691 / 2730.)))));
}

// Writes the value, the slopes, and the second derivatives row by row up to the diagonal.
void weibull_pass(const double* log_x, std::size_t n, const double* p, double* out) {
    const double k = p[0], scale = p[1], log_scale = std::log(scale);
    double a = 0, b = 0, c = 0, d = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const double u = log_x[i] - log_scale, e = std::exp(k * u);
        a += u, b += e, c += e * u, d += e * u * u;
    }
    a /= n, b /= n, c /= n, d /= n;
    out[0] = std::log(k) - log_scale + (k - 1) * a - b;
    out[1] = 1 / k + a - c;
    out[2] = k / scale * (b - 1);
    out[3] = -1 / (k * k) - d;
    out[4] = (b - 1 + k * c) / scale;
    out[5] = -k / (scale * scale) * (b - 1 + k * b);
}

void student_t_pass(const double* x, std::size_t n, const double* p, double* out) {
    const double location = p[0], s = p[1], nu = p[2], precision = 1 / s, inverse_nu = 1 / nu;
    double a = 0, b = 0, c = 0, d = 0, e = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const double z = (x[i] - location) * precision, q = z * z * inverse_nu, w = 1 / (1 + q);
        a += std::log1p(q), b += w, c += w * w, d += z * w, e += z * w * w;
    }
    a /= n, b /= n, c /= n, d /= n, e /= n;
    const double qw = 1 - b, qww = b - c, zqww = d - e, f = (nu + 1) * inverse_nu;
    out[0] = std::lgamma((nu + 1) / 2) - std::lgamma(nu / 2) - std::log(pi * nu) / 2 - std::log(s) - (nu + 1) / 2 * a;
    out[1] = f * precision * d;
    out[2] = precision * ((nu + 1) * qw - 1);
    out[3] = (digamma((nu + 1) / 2) - digamma(nu / 2) - inverse_nu - a) / 2 + f / 2 * qw;
    out[4] = -f * precision * precision * (b - 2 * qww);
    out[5] = -2 * f * precision * precision * e;
    out[6] = precision * precision * (1 - (nu + 1) * (qw + 2 * qww));
    out[7] = precision * (f * zqww - d * inverse_nu) * inverse_nu;
    out[8] = precision * (qw - f * qww);
    out[9] = (trigamma((nu + 1) / 2) - trigamma(nu / 2)) / 4 + inverse_nu * inverse_nu / 2 + qw * inverse_nu / 2 -
             (qw + (nu + 1) * qww) * inverse_nu * inverse_nu / 2;
}

void normal_mixture_pass(const double* x, std::size_t n, const double* p, double* out) {
    const double weight = p[0], mean1 = p[1], v1 = p[2], mean2 = p[3], v2 = p[4];
    const double c1 = std::log(weight) - std::log(2 * pi * v1) / 2;
    const double c2 = std::log(1 - weight) - std::log(2 * pi * v2) / 2, h1 = 0.5 / v1, h2 = 0.5 / v2;
    double value = 0, a0 = 0, a1 = 0, a2 = 0, b1 = 0, b2 = 0;
    double q0 = 0, r = 0, rr = 0, rrr = 0, rrrr = 0, s = 0, ss = 0, sss = 0, ssss = 0, rs = 0, rrs = 0, rss = 0, rrss = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const double r1 = x[i] - mean1, r2 = x[i] - mean2, t1 = r1 * r1, t2 = r2 * r2;
        const double l1 = c1 - t1 * h1, l2 = c2 - t2 * h2;
        const double larger = l1 > l2 ? l1 : l2, ratio = std::exp(-std::abs(l1 - l2)), least = 1 / (1 + ratio);
        const double p1 = l1 > l2 ? least : ratio * least, p2 = 1 - p1, q = p1 * p2;
        value += larger + std::log1p(ratio);
        a0 += p1, a1 += p1 * r1, a2 += p1 * t1, b1 += p2 * r2, b2 += p2 * t2;
        q0 += q, r += q * r1, rr += q * t1, rrr += q * r1 * t1, rrrr += q * t1 * t1;
        s += q * r2, ss += q * t2, sss += q * r2 * t2, ssss += q * t2 * t2;
        rs += q * r1 * r2, rrs += q * t1 * r2, rss += q * r1 * t2, rrss += q * t1 * t2;
    }
    for (double* sum : {&value, &a0, &a1, &a2, &b1, &b2, &q0, &r, &rr, &rrr, &rrrr, &s, &ss, &sss, &ssss, &rs, &rrs,
                        &rss, &rrss})
        *sum /= n;
    const double b0 = 1 - a0, d0 = 1 / weight + 1 / (1 - weight), i1 = 1 / v1, i2 = 1 / v2;
    out[0] = value;
    out[1] = a0 / weight - b0 / (1 - weight);
    out[2] = a1 * i1;
    out[3] = (a2 * i1 - a0) * h1;
    out[4] = b1 * i2;
    out[5] = (b2 * i2 - b0) * h2;
    // The means of p (l)'' and q (l1 - l2)' (l1 - l2)', with the slopes d0, r1 i1, (r1^2 i1 - 1) h1, -r2 i2, ...
    out[6] = -a0 / (weight * weight) - b0 / ((1 - weight) * (1 - weight)) + q0 * d0 * d0;
    out[7] = d0 * r * i1;
    out[8] = -a0 * i1 + rr * i1 * i1;
    out[9] = d0 * (rr * i1 - q0) * h1;
    out[10] = -a1 * i1 * i1 + (rrr * i1 - r) * i1 * h1;
    out[11] = a0 * i1 * i1 / 2 - a2 * i1 * i1 * i1 + (rrrr * i1 * i1 - 2 * rr * i1 + q0) * h1 * h1;
    out[12] = -d0 * s * i2;
    out[13] = -rs * i1 * i2;
    out[14] = -(rrs * i1 - s) * h1 * i2;
    out[15] = -b0 * i2 + ss * i2 * i2;
    out[16] = -d0 * (ss * i2 - q0) * h2;
    out[17] = -(rss * i2 - r) * i1 * h2;
    out[18] = -(rrss * i1 * i2 - rr * i1 - ss * i2 + q0) * h1 * h2;
    out[19] = -b1 * i2 * i2 + (sss * i2 - s) * i2 * h2;
    out[20] = b0 * i2 * i2 / 2 - b2 * i2 * i2 * i2 + (ssss * i2 * i2 - 2 * ss * i2 + q0) * h2 * h2;
}

}  // namespace

#define EXPORT(name)                                                                                        \
    extern "C" void name(const double* x, std::size_t n, const double* parameters, std::size_t passes, double* out) { \
        for (std::size_t pass = 0; pass < passes; ++pass) name##_pass(x, n, parameters, out);                        \
    }

EXPORT(weibull)
EXPORT(student_t)
EXPORT(normal_mixture)
