// The yardstick of epochs.py: many runs of gradient ascent on the mean and variance of a normal distribution, every run
// with its own sufficient statistics and settings, with early stopping as mlejax does it (mlejax/training.py).
//
// Written for compilers to vectorize: tiles that stay in the first-level cache, everything of one floating-point type,
// choices instead of branches, and the logarithms in a loop of their own, so that nothing is saved around their calls.

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t TILE = 128;

enum Status { RUNNING, PATIENCE, TOLERANCE, MAX_EPOCHS, PRECISION, DIVERGED };  // as mlejax.Status

// Columns, one entry per run. Whole numbers are held as floating-point numbers, which are exact up to 2^24.
enum Setting {
    LEARNING_RATE, TRAIN_MEAN, TRAIN_VARIANCE, HELD_OUT_MEAN, HELD_OUT_VARIANCE, HELD_OUT_COUNT,
    PATIENT, NEAR, LAST_EPOCH, SETTINGS
};
enum Field { MEAN, VARIANCE, BEST_MEAN, BEST_VARIANCE, BEST, BEST_EPOCH, EPOCH, STATUS, FIELDS };

template <class T>
constexpr T HALF_LOG_2_PI = T(0.91893853320467274178032973640561764);

template <class T>
struct Tile {
    alignas(64) T setting[SETTINGS][TILE];
    alignas(64) T state[FIELDS][TILE];

    void start(std::size_t lane, T mean, T variance) {
        const T fresh[FIELDS] = {mean, variance, mean, variance, std::numeric_limits<T>::lowest(), 0, 0, T(RUNNING)};
        for (int field = 0; field < FIELDS; ++field) state[field][lane] = fresh[field];
    }

    void advance(int epochs) {
        for (int epoch = 0; epoch < epochs; ++epoch) step();
    }

    void step() {
        constexpr T resolution = 8 * std::numeric_limits<T>::epsilon(), largest = std::numeric_limits<T>::max();
        auto& [rate, train_mean, train_variance, held_out_mean, held_out_variance, count, patience, tolerance, last] =
            setting;
        auto& [mean, variance, best_mean, best_variance, best, best_epoch, epochs, status] = state;
        T logarithm[TILE];
        for (std::size_t i = 0; i < TILE; ++i) logarithm[i] = std::log(variance[i]);
        for (std::size_t i = 0; i < TILE; ++i) {
            const T m = mean[i], v = variance[i], b = best[i], was = status[i], precision = 1 / v;
            const T off = held_out_mean[i] - m, away = train_mean[i] - m;
            const T squares = (off * off + held_out_variance[i]) * precision;
            const T measured = -count[i] * (HALF_LOG_2_PI<T> + T(0.5) * (logarithm[i] + squares));
            const T step = rate[i] * precision;
            const T next_mean = m + step * away;
            const T next_variance = v + T(0.5) * step * ((away * away + train_variance[i]) * precision - 1);

            const T epoch = epochs[i] + 1, shortfall = std::abs(measured - b), noise = resolution * std::abs(measured);
            const T by_patience = shortfall > noise ? T(PATIENCE) : T(PRECISION);
            const T by_tolerance = tolerance[i] > noise ? T(TOLERANCE) : T(PRECISION);
            const T out_of_epochs = epoch >= last[i] ? T(MAX_EPOCHS) : T(RUNNING);
            const T close = shortfall < tolerance[i] ? by_tolerance : out_of_epochs;
            const T stalled = epoch - best_epoch[i] >= patience[i] ? by_patience : close;
            T now = measured > b ? out_of_epochs : stalled;
            T healthy = next_variance > 0 ? T(1) : T(0);
            healthy = next_variance < largest ? healthy : T(0);  // false for NaN, whatever -ffast-math assumes
            healthy = std::abs(next_mean) < largest ? healthy : T(0);
            healthy = std::abs(measured) < largest ? healthy : T(0);
            now = healthy > 0 ? now : T(DIVERGED);

            const T to_beat = was == T(RUNNING) ? b : largest;  // a run that has ended improves no more
            best_mean[i] = measured > to_beat ? m : best_mean[i];
            best_variance[i] = measured > to_beat ? v : best_variance[i];
            best[i] = measured > to_beat ? measured : b;
            best_epoch[i] = measured > to_beat ? epoch : best_epoch[i];
            const T moves = was == T(RUNNING) ? healthy : T(0);
            mean[i] = moves > 0 ? next_mean : m;
            variance[i] = moves > 0 ? next_variance : v;
            epochs[i] = was == T(RUNNING) ? epoch : epochs[i];
            status[i] = was == T(RUNNING) ? now : was;
        }
    }
};

// Columns of all runs: [SETTINGS or FIELDS][count].
template <class T>
struct Columns {
    T* values;
    std::size_t count;
    T& operator()(int column, std::size_t run) const { return values[column * count + run]; }
};

template <class T>
void each_thread(int threads, T work) {
    std::vector<std::thread> others;
    for (int i = 1; i < threads; ++i) others.emplace_back(work, i);
    work(0);
    for (auto& other : others) other.join();
}

template <class T>
void copy(Columns<T> columns, std::size_t first, T (*tile)[TILE], int rows, bool back) {
    const std::size_t lanes = std::min(TILE, columns.count - first);
    for (int row = 0; row < rows; ++row) {
        T* outside = &columns(row, first);
        back ? std::copy_n(tile[row], lanes, outside) : std::copy_n(outside, lanes, tile[row]);
    }
}

// A fixed batch: `epochs` epochs of every run, tile by tile.
template <class T>
void advance(std::size_t count, int epochs, T* settings, T* states) {
    const Columns<T> setting{settings, count}, state{states, count};
    Tile<T> tile{};
    for (std::size_t first = 0; first < count; first += TILE) {
        copy(setting, first, tile.setting, SETTINGS, false);
        copy(state, first, tile.state, FIELDS, false);
        tile.advance(epochs);
        copy(state, first, tile.state, FIELDS, true);
    }
}

// All runs to their ends: a lane whose run has ended takes the next one. Returns the run-epochs executed.
template <class T>
std::int64_t sweep(std::size_t count, T mean, T variance, T* settings, T* states, int threads, int epochs) {
    const Columns<T> setting{settings, count}, state{states, count};
    std::atomic<std::size_t> next{0};
    std::atomic<std::int64_t> executed{0};
    each_thread(threads, [=, &next, &executed](int) {
        Tile<T> tile{};
        std::array<std::size_t, TILE> held;
        held.fill(count);
        for (bool busy = true; busy; executed += TILE * epochs) {
            busy = false;
            for (std::size_t lane = 0; lane < TILE; ++lane) {
                std::size_t& run = held[lane];
                if (run < count && tile.state[STATUS][lane] == T(RUNNING)) {
                    busy = true;
                    continue;
                }
                if (run < count)
                    for (int field = 0; field < FIELDS; ++field) state(field, run) = tile.state[field][lane];
                tile.start(lane, mean, variance);
                if (run = next++; run < count) {
                    busy = true;
                    for (int row = 0; row < SETTINGS; ++row) tile.setting[row][lane] = setting(row, run);
                }
            }
            if (!busy) break;
            tile.advance(epochs);
        }
    });
    return executed;
}

}  // namespace

extern "C" {

void advance_float64(std::size_t count, int epochs, double* settings, double* states) {
    advance(count, epochs, settings, states);
}

void advance_float32(std::size_t count, int epochs, float* settings, float* states) {
    advance(count, epochs, settings, states);
}

std::int64_t sweep_float64(std::size_t count, double mean, double variance, double* settings, double* states,
                           int threads, int epochs) {
    return sweep(count, mean, variance, settings, states, threads, epochs);
}

}  // extern "C"
