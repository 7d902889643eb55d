// Batch normalisation (Ioffe and Szegedy 2015) with what usually follows it, a shortcut that is added and ReLU, and its gradient.
#pragma once
#include <cmath>
#include <vector>

#include "parallel.h"

namespace notebooks {

// Sums over rows of two functions of each value, exact enough for millions of rows: in float within a chunk, in double beyond. The order
// of the additions is fixed. `terms(row, column, count)` gives both as vectors; sums: 2 × width.
template <typename Terms>
inline void SumPairs(OpKernelContext* context, int64_t rows, int64_t width, double* sums, Terms terms) {
  constexpr int64_t kChunk = 256;
  constexpr int kColumns = 4;
  std::vector<double> partial(kBlocks * 2 * width);
  Parallel(context, kBlocks, rows * width / kBlocks, [&](int64_t begin, int64_t end) {
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
              second[part] += b;
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
            second += b;
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

// x · scale + offset (+ residual), then ReLU or not. x, residual (or null): rows × width; scale, offset: width.
inline void ChannelAffine(OpKernelContext* context, int64_t rows, int64_t width, const float* x, const float* scale,
                          const float* offset, const float* residual, bool relu, float* output) {
  Parallel(context, rows, width / 4 + 1, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t start = row * width;
      ForEachVector(width, [&](int64_t at, int count) {
        Vector value = LoadSome(x + start + at, count) * LoadSome(scale + at, count) + LoadSome(offset + at, count);
        if (residual != nullptr) value += LoadSome(residual + start + at, count);
        StoreSome(output + start + at, relu ? Relu(value) : value, count);
      });
    }
  });
}

// What a batch makes of its channels: mean and 1/√(variance + epsilon), each `width` values; variance is the biased one.
inline void BatchStatistics(OpKernelContext* context, int64_t rows, int64_t width, const float* x, float epsilon,
                            float* mean, float* variance, float* inverseDeviation) {
  std::vector<double> sums(2 * width);
  // Relative to the first row: the variance of values far from zero does not cancel.
  SumPairs(context, rows, width, sums.data(), [=](int64_t row, int64_t column, int count, Vector* a, Vector* b) {
    const Vector shifted = LoadSome(x + row * width + column, count) - LoadSome(x + column, count);
    *a = shifted;
    *b = shifted * shifted;
  });
  for (int64_t column = 0; column < width; column++) {
    const double shifted = sums[column] / rows;
    const double spread = sums[width + column] / rows - shifted * shifted;
    mean[column] = x[column] + shifted;
    variance[column] = spread < 0 ? 0 : spread;  // a NaN stays
    inverseDeviation[column] = 1 / std::sqrt(variance[column] + static_cast<double>(epsilon));
  }
}

// The affine map that normalises: x · a + b.
inline void NormalizingMap(int64_t width, const float* scale, const float* offset, const float* mean,
                           const float* inverseDeviation, std::vector<float>* a, std::vector<float>* b) {
  a->resize(width);
  b->resize(width);
  for (int64_t column = 0; column < width; column++) {
    (*a)[column] = scale[column] * inverseDeviation[column];
    (*b)[column] = offset[column] - mean[column] * (*a)[column];
  }
}

// `output` (or null) tells where ReLU let nothing through; without it, that is found from x again. residualGrad may be null.
inline void BatchNormGrad(OpKernelContext* context, int64_t rows, int64_t width, const float* outputGrad, const float* x,
                          const float* scale, const float* offset, const float* mean, const float* inverseDeviation,
                          const float* output, bool relu, float* xGrad, float* scaleGrad, float* offsetGrad,
                          float* residualGrad) {
  std::vector<float> a, b;
  NormalizingMap(width, scale, offset, mean, inverseDeviation, &a, &b);
  const float* factor = a.data();
  const float* shift = b.data();
  const auto passed = [=](int64_t start, int64_t at, int count) {
    const Vector gradient = LoadSome(outputGrad + start + at, count);
    if (!relu) return gradient;
    const Vector value = output != nullptr
                             ? LoadSome(output + start + at, count)
                             : LoadSome(x + start + at, count) * LoadSome(factor + at, count) + LoadSome(shift + at, count);
    return value > 0.0f ? gradient : Vector{};
  };
  std::vector<double> sums(2 * width);
  SumPairs(context, rows, width, sums.data(), [=](int64_t row, int64_t column, int count, Vector* gradient, Vector* product) {
    *gradient = passed(row * width, column, count);
    *product = *gradient * (LoadSome(x + row * width + column, count) - LoadSome(mean + column, count));
  });
  // dx = a·(g − mean(g) − x̂·mean(g·x̂)), as g·a + x·u + v.
  std::vector<float> u(width), v(width);
  for (int64_t column = 0; column < width; column++) {
    const double inverse = inverseDeviation[column], gradient = sums[column], product = sums[width + column] * inverse;
    offsetGrad[column] = gradient;
    scaleGrad[column] = product;
    const double slope = -factor[column] * inverse * product / rows;
    u[column] = slope;
    v[column] = -factor[column] * gradient / rows - slope * mean[column];
  }
  const float *slope = u.data(), *constant = v.data();
  Parallel(context, rows, width / 2 + 1, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t start = row * width;
      ForEachVector(width, [&](int64_t at, int count) {
        const Vector gradient = passed(start, at, count);
        const Vector value = LoadSome(x + start + at, count) * LoadSome(slope + at, count) + LoadSome(constant + at, count);
        StoreSome(xGrad + start + at, gradient * LoadSome(factor + at, count) + value, count);
        if (residualGrad != nullptr) StoreSome(residualGrad + start + at, gradient, count);
      });
    }
  });
}

}  // namespace notebooks
