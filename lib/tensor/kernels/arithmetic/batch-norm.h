// Batch normalisation (Ioffe and Szegedy 2015) with what usually follows it, a shortcut that is added and ReLU, and its gradient.
#pragma once
#include "parallel.h"

namespace notebooks {
namespace {

// Sums over rows of a and of a·b, exact enough for millions of rows: in float within a chunk, in double beyond. The order of the additions
// is fixed. `terms(row, column, count, &a, &b)` gives the two as vectors; sums: 2 × width.
template <typename Terms>
inline void SumPairs(const Threads& threads, int64_t rows, int64_t width, double* sums, const Terms& terms) {
  constexpr int64_t kChunk = 256;
  constexpr int kColumns = 4;
  Scratch<double> partial(kBlocks * 2 * width);
  Parallel(threads, kBlocks, rows * width / kBlocks, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++) {
      double* own = partial.data() + block * 2 * width;
      const int64_t last = (block + 1) * rows / kBlocks;
      for (int64_t chunk = block * rows / kBlocks; chunk < last; chunk += kChunk) {
        const int64_t chunkEnd = chunk + kChunk < last ? chunk + kChunk : last;
        int64_t column = 0;
        for (; column + kColumns * kWidth <= width; column += kColumns * kWidth) {
          Vector first[kColumns] = {}, second[kColumns] = {};
          for (int64_t row = chunk; row < chunkEnd; row++) {
#pragma GCC unroll 4
            for (int part = 0; part < kColumns; part++) {
              Vector a, b;
              terms(row, column + part * kWidth, kWidth, &a, &b);
              first[part] += a;
              second[part] = MultiplyAdd(a, b, second[part]);
            }
          }
          for (int part = 0; part < kColumns; part++) {
            for (int lane = 0; lane < kWidth; lane++) {
              own[column + part * kWidth + lane] += first[part][lane];
              own[width + column + part * kWidth + lane] += second[part][lane];
            }
          }
        }
        for (; column < width; column += kWidth) {
          const int count = width - column < kWidth ? width - column : kWidth;
          Vector first = {}, second = {};
          for (int64_t row = chunk; row < chunkEnd; row++) {
            Vector a, b;
            terms(row, column, count, &a, &b);
            first += a;
            second = MultiplyAdd(a, b, second);
          }
          for (int lane = 0; lane < count; lane++) {
            own[column + lane] += first[lane];
            own[width + column + lane] += second[lane];
          }
        }
      }
    }
  });
  for (int64_t value = 0; value < 2 * width; value++) {
    sums[value] = 0;
    for (int64_t block = 0; block < kBlocks; block++) sums[value] += partial[block * 2 * width + value];
  }
}

// Keeps NaN, as TensorFlow's and PyTorch's do.
inline Vector Relu(Vector value) { return value < 0.0f ? Vector{} : value; }

template <typename T>
void ChannelAffine(const Threads& threads, int64_t rows, int64_t width, const T* x, const float* scale, const float* offset,
                   const T* residual, bool relu, T* output) {
  Parallel(threads, rows, width / 4 + 1, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t start = row * width;
      ForEachVector(width, [&](int64_t at, int count) {
        const Vector own = LoadSome(x + start + at, count);
        Vector value = MultiplyAdd(own, LoadSome(scale + at, count), LoadSome(offset + at, count));
        if (residual != nullptr) value += LoadSome(residual + start + at, count);
        StoreSome(output + start + at, relu ? Relu(value) : value, count);
      });
    }
  });
}

template <typename T>
void BatchStatistics(const Threads& threads, int64_t rows, int64_t width, const T* x, float epsilon, float* mean,
                     float* variance, float* inverseDeviation) {
  Scratch<double> sums(2 * width);
  // Relative to the first row: the variance of values far from zero does not cancel.
  SumPairs(threads, rows, width, sums.data(), [=](int64_t row, int64_t column, int count, Vector* a, Vector* b) {
    *a = *b = LoadSome(x + row * width + column, count) - LoadSome(x + column, count);
  });
  for (int64_t column = 0; column < width; column++) {
    const double shifted = sums[column] / rows;
    const double spread = sums[width + column] / rows - shifted * shifted;
    mean[column] = LoadOne(x + column) + shifted;
    variance[column] = spread < 0 ? 0 : spread;  // a NaN stays
    inverseDeviation[column] = 1 / sqrt(variance[column] + static_cast<double>(epsilon));
  }
}

// The affine map that normalises: x · factor + shift.
struct NormalizingMap {
  Scratch<float> factor, shift;

  NormalizingMap(int64_t width, const ChannelNorm& norm) : factor(width), shift(width) {
    for (int64_t column = 0; column < width; column++) {
      factor[column] = norm.scale[column] * norm.inverseDeviation[column];
      shift[column] = norm.offset[column] - norm.mean[column] * factor[column];
    }
  }
};

template <typename T>
void Normalize(const Threads& threads, int64_t rows, int64_t width, const T* x, const ChannelNorm& norm, const T* residual,
               bool relu, T* output) {
  NormalizingMap map(width, norm);
  ChannelAffine(threads, rows, width, x, map.factor.data(), map.shift.data(), residual, relu, output);
}

template <typename T>
void BatchNormGrad(const Threads& threads, int64_t rows, int64_t width, const T* outputGrad, const T* x,
                   const ChannelNorm& norm, const T* output, bool relu, T* xGrad, float* scaleGrad, float* offsetGrad,
                   T* residualGrad) {
  NormalizingMap map(width, norm);
  const float *factor = map.factor.data(), *shift = map.shift.data(), *mean = norm.mean;
  const auto passed = [=](int64_t start, int64_t at, int count) {
    const Vector gradient = LoadSome(outputGrad + start + at, count);
    if (!relu) return gradient;
    const Vector given = LoadSome((output == nullptr ? x : output) + start + at, count);
    const Vector value =
        output == nullptr ? MultiplyAdd(given, LoadSome(factor + at, count), LoadSome(shift + at, count)) : given;
    return value > 0.0f ? gradient : Vector{};
  };
  Scratch<double> sums(2 * width);
  SumPairs(threads, rows, width, sums.data(), [=](int64_t row, int64_t column, int count, Vector* gradient, Vector* centred) {
    *gradient = passed(row * width, column, count);
    *centred = LoadSome(x + row * width + column, count) - LoadSome(mean + column, count);
  });
  // dx = a·(g − mean(g) − x̂·mean(g·x̂)), as g·a + x·u + v.
  Scratch<float> u(width), v(width);
  for (int64_t column = 0; column < width; column++) {
    const double inverse = norm.inverseDeviation[column], gradient = sums[column], product = sums[width + column] * inverse;
    offsetGrad[column] = gradient;
    scaleGrad[column] = product;
    const double slope = -factor[column] * inverse * product / rows;
    u[column] = slope;
    v[column] = -factor[column] * gradient / rows - slope * mean[column];
  }
  const float *slope = u.data(), *constant = v.data();
  Parallel(threads, rows, width / 2 + 1, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t start = row * width;
      ForEachVector(width, [&](int64_t at, int count) {
        const Vector gradient = passed(start, at, count);
        const Vector value =
            MultiplyAdd(LoadSome(x + start + at, count), LoadSome(slope + at, count), LoadSome(constant + at, count));
        StoreSome(xGrad + start + at, MultiplyAdd(gradient, LoadSome(factor + at, count), value), count);
        if (residualGrad != nullptr) StoreSome(residualGrad + start + at, gradient, count);
      });
    }
  });
}

}  // namespace
}  // namespace notebooks
