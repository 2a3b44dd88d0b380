// The reference training run: gradient ascent on the mean and variance of a normal distribution, with both
// log-likelihood histories and early stopping. Once on the raw observations, once on their sufficient statistics.
// Called through ctypes by reference.py, which mirrors the three structures below.

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>

namespace {

struct Settings {
    double mean, variance;  // the start
    double learning_rate, tolerance;
    double resolution;  // relative; a difference of log-likelihoods below it may be rounding
    std::int64_t max_epochs, patience;
};

struct Outcome {
    double mean, variance;  // the best parameters measured
    double train_log_likelihood, validation_log_likelihood;
    std::int64_t status, epochs, best_epoch;
};

struct Statistics {
    double count, mean, squares;  // squares: the sum of squared deviations from `mean`
};

enum Status : std::int64_t { RUNNING, PATIENCE, TOLERANCE, MAX_EPOCHS, PRECISION, DIVERGED };  // as mlejax.Status

struct Deviations {
    double sum, squares;
};

struct Observations {
    const double* values;
    std::size_t size;

    double count() const { return static_cast<double>(size); }

    Deviations about(double mean) const {
        double sum = 0, squares = 0;
        for (std::size_t i = 0; i < size; ++i) {
            const double deviation = values[i] - mean;
            sum += deviation;
            squares += deviation * deviation;
        }
        return {sum, squares};
    }

    double squares_about(double mean) const {
        double squares = 0;
        for (std::size_t i = 0; i < size; ++i) squares += (values[i] - mean) * (values[i] - mean);
        return squares;
    }
};

struct Summary : Statistics {
    double count() const { return Statistics::count; }

    Deviations about(double point) const {
        const double deviation = mean - point;
        return {Statistics::count * deviation, squares + Statistics::count * deviation * deviation};
    }

    double squares_about(double point) const { return about(point).squares; }
};

// By its bits: -ffast-math takes every number for a finite one.
bool finite(double x) {
    return (std::bit_cast<std::uint64_t>(x) & 0x7ff0000000000000u) != 0x7ff0000000000000u;
}

double log_normalizer(double variance) { return std::log(2 * std::numbers::pi * variance) / 2; }

template <class Sample>
double log_likelihood(const Sample& sample, double mean, double variance) {
    return -sample.count() * log_normalizer(variance) - sample.squares_about(mean) / (2 * variance);
}

template <class Sample>
Outcome ascend(const Sample& train, const Sample& validation, const Settings& settings, double* train_history,
               double* validation_history) {
    double mean = settings.mean, variance = settings.variance;
    double best_mean = mean, best_variance = variance, best = std::numeric_limits<double>::lowest();
    std::int64_t epoch = 0, best_epoch = 0, waited = 0, status = RUNNING;
    while (status == RUNNING) {
        const Deviations deviations = train.about(mean);
        const double normalizer = log_normalizer(variance), precision = 1 / variance;
        const double measured =
            -validation.count() * normalizer - validation.squares_about(mean) * precision / 2;
        train_history[epoch] = -train.count() * normalizer - deviations.squares * precision / 2;
        validation_history[epoch] = measured;
        ++epoch;

        const double rate = settings.learning_rate * precision / train.count();
        const double next_mean = mean + rate * deviations.sum;
        const double next_variance = variance + rate * (deviations.squares * precision - train.count()) / 2;

        if (measured > best) {
            best = measured, best_mean = mean, best_variance = variance, best_epoch = epoch;
            waited = 0;
        } else {
            const double shortfall = std::abs(measured - best), resolution = settings.resolution * std::abs(measured);
            if (++waited >= settings.patience) {
                status = shortfall > resolution ? PATIENCE : PRECISION;
            } else if (shortfall < settings.tolerance) {
                status = settings.tolerance > resolution ? TOLERANCE : PRECISION;
            }
        }
        if (status == RUNNING && epoch >= settings.max_epochs) status = MAX_EPOCHS;
        if (finite(measured) && finite(next_mean) && finite(next_variance) && next_variance > 0) {
            mean = next_mean, variance = next_variance;
        } else {
            status = DIVERGED;
        }
    }
    // A run out of epochs has its last parameters measured too.
    if (status == MAX_EPOCHS && log_likelihood(validation, mean, variance) > best) {
        best_mean = mean, best_variance = variance, best_epoch = epoch;
    }
    return {best_mean,
            best_variance,
            log_likelihood(train, best_mean, best_variance),
            log_likelihood(validation, best_mean, best_variance),
            status,
            epoch,
            best_epoch};
}

}  // namespace

extern "C" {

void ascend_observations(const double* train, std::size_t train_count, const double* validation,
                         std::size_t validation_count, const Settings* settings, double* train_history,
                         double* validation_history, Outcome* outcome) {
    *outcome = ascend(Observations{train, train_count}, Observations{validation, validation_count}, *settings,
                      train_history, validation_history);
}

// Two passes: squares about the mean lose no digits when the mean is large.
void summarize(const double* values, std::size_t count, Statistics* statistics) {
    const Observations sample{values, count};
    const double mean = values[0] + sample.about(values[0]).sum / sample.count();
    *statistics = {sample.count(), mean, sample.squares_about(mean)};
}

void ascend_statistics(const Statistics* train, const Statistics* validation, const Settings* settings,
                       double* train_history, double* validation_history, Outcome* outcome) {
    *outcome = ascend(Summary{*train}, Summary{*validation}, *settings, train_history, validation_history);
}

}  // extern "C"
