// One epoch on raw observations: the mean train log-likelihood and its gradient, and the mean validation
// log-likelihood, of many runs on the same data. Gradients are derived by hand.
#include <cmath>
#include <cstddef>

namespace {

constexpr std::size_t tile = 1024;  // observations that stay in the first cache while all runs pass over them
constexpr double pi = 3.14159265358979323846;

double digamma(double x) {
    double shift = 0;
    for (; x < 12; ++x) shift -= 1 / x;
    const double y = 1 / (x * x);
    return shift + std::log(x) - 0.5 / x -
           y * (1 / 12. - y * (1 / 120. - y * (1 / 252. - y * (1 / 240. - y * (1 / 132. - y * 691 / 32760.)))));
}

struct Weibull {  // of log x: log k + (k - 1) u - log scale - exp(k u), u = log x - log scale
    static constexpr int size = 2, sums = 3;
    double shape, scale, log_scale;

    explicit Weibull(const double* p) : shape(p[0]), scale(p[1]), log_scale(std::log(p[1])) {}

    template <bool gradient>
    void add(const double* log_x, std::size_t n, double* total) const {
        double a = 0, b = 0, c = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const double u = log_x[i] - log_scale, e = std::exp(shape * u);
            a += u;
            b += e;
            if constexpr (gradient) c += e * u;
        }
        total[0] += a, total[1] += b, total[2] += c;
    }

    double value(const double* mean) const { return std::log(shape) - log_scale + (shape - 1) * mean[0] - mean[1]; }

    void slope(const double* mean, double* out) const {
        out[0] = 1 / shape + mean[0] - mean[2];
        out[1] = shape / scale * (mean[1] - 1);
    }
};

struct StudentT {  // of x
    static constexpr int size = 3, sums = 3;
    double location, scale, nu, precision;

    explicit StudentT(const double* p) : location(p[0]), scale(p[1]), nu(p[2]), precision(1 / p[1]) {}

    template <bool gradient>
    void add(const double* x, std::size_t n, double* total) const {
        const double inverse_nu = 1 / nu;
        double a = 0, b = 0, c = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const double z = (x[i] - location) * precision, q = z * z * inverse_nu;
            a += std::log1p(q);
            if constexpr (gradient) {
                const double w = 1 / (1 + q);
                b += w * z;
                c += w * q;
            }
        }
        total[0] += a, total[1] += b, total[2] += c;
    }

    double value(const double* mean) const {
        return std::lgamma((nu + 1) / 2) - std::lgamma(nu / 2) - std::log(pi * nu) / 2 - std::log(scale) -
               (nu + 1) / 2 * mean[0];
    }

    void slope(const double* mean, double* out) const {
        out[0] = (nu + 1) / nu * precision * mean[1];
        out[1] = precision * ((nu + 1) * mean[2] - 1);
        out[2] = (digamma((nu + 1) / 2) - digamma(nu / 2) - 1 / nu - mean[0]) / 2 + (nu + 1) / (2 * nu) * mean[2];
    }
};

struct NormalMixture {  // of x; d = log of the first component's density over the second's
    static constexpr int size = 5, sums = 6;
    double weight, mean1, variance1, mean2, variance2;

    explicit NormalMixture(const double* p)
        : weight(p[0]), mean1(p[1]), variance1(p[2]), mean2(p[3]), variance2(p[4]) {}

    template <bool gradient>
    void add(const double* x, std::size_t n, double* total) const {
        const double c1 = std::log(weight) - std::log(2 * pi * variance1) / 2;
        const double c2 = std::log(1 - weight) - std::log(2 * pi * variance2) / 2;
        const double h1 = 0.5 / variance1, h2 = 0.5 / variance2;
        double a = 0, b = 0, c = 0, d = 0, e = 0, f = 0;
        for (std::size_t i = 0; i < n; ++i) {
            const double r1 = x[i] - mean1, r2 = x[i] - mean2;
            const double l1 = c1 - r1 * r1 * h1, l2 = c2 - r2 * r2 * h2;
            const double larger = l1 > l2 ? l1 : l2, ratio = std::exp(-std::abs(l1 - l2));
            a += larger + std::log1p(ratio);
            if constexpr (gradient) {
                const double least = 1 / (1 + ratio);
                const double p1 = l1 > l2 ? least : ratio * least, p2 = 1 - p1;
                b += p1, c += p1 * r1, d += p1 * r1 * r1;
                e += p2 * r2, f += p2 * r2 * r2;
            }
        }
        total[0] += a, total[1] += b, total[2] += c, total[3] += d, total[4] += e, total[5] += f;
    }

    double value(const double* mean) const { return mean[0]; }

    void slope(const double* mean, double* out) const {
        const double first = mean[1], second = 1 - mean[1];
        out[0] = first / weight - second / (1 - weight);
        out[1] = mean[2] / variance1;
        out[2] = (mean[3] / variance1 - first) / (2 * variance1);
        out[3] = mean[4] / variance2;
        out[4] = (mean[5] / variance2 - second) / (2 * variance2);
    }
};

template <class Model, bool gradient>
void means(const double* x, std::size_t n, const double* parameters, std::size_t runs, double* values, double* slopes,
           double* totals) {
    for (std::size_t i = 0; i < runs * Model::sums; ++i) totals[i] = 0;
    for (std::size_t start = 0; start < n; start += tile)
        for (std::size_t run = 0; run < runs; ++run)
            Model(parameters + run * Model::size)
                .template add<gradient>(x + start, n - start < tile ? n - start : tile, totals + run * Model::sums);
    for (std::size_t run = 0; run < runs; ++run) {
        double* mean = totals + run * Model::sums;
        for (int i = 0; i < Model::sums; ++i) mean[i] /= n;
        const Model model(parameters + run * Model::size);
        values[run] = model.value(mean);
        if constexpr (gradient) model.slope(mean, slopes + run * Model::size);
    }
}

template <class Model>
void epochs(const double* train, std::size_t n, const double* validation, std::size_t m, const double* parameters,
            std::size_t runs, std::size_t count, double* train_values, double* slopes, double* validation_values,
            double* totals) {
    for (std::size_t epoch = 0; epoch < count; ++epoch) {
        means<Model, true>(train, n, parameters, runs, train_values, slopes, totals);
        means<Model, false>(validation, m, parameters, runs, validation_values, slopes, totals);
    }
}

}  // namespace

#define EXPORT(name, Model)                                                                                        \
    extern "C" void name(const double* train, std::size_t n, const double* validation, std::size_t m,               \
                         const double* parameters, std::size_t runs, std::size_t count, double* train_values,       \
                         double* slopes, double* validation_values, double* totals) {                               \
        epochs<Model>(train, n, validation, m, parameters, runs, count, train_values, slopes, validation_values,    \
                      totals);                                                                                      \
    }

EXPORT(weibull, Weibull)
EXPORT(student_t, StudentT)
EXPORT(normal_mixture, NormalMixture)
