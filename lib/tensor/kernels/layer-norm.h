// Layer normalisation over the last axis (Ba et al. 2016) in one pass over memory, and its gradient.
#pragma once
#include <cmath>

#include "parallel.h"

namespace notebooks {

// x: rows × width. mean and inverseDeviation: a value a row, for the gradient.
template <typename T>
void LayerNorm(OpKernelContext* context, int64_t rows, int64_t width, const T* x, const float* scale, const float* offset,
               float epsilon, T* output, float* mean, float* inverseDeviation) {
  Parallel(context, rows, width / 2 + 1, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const T* in = x + row * width;
      T* out = output + row * width;
      Vector sums = {};
      ForEachVector(width, [&](int64_t at, int count) { sums += LoadSome(in + at, count); });
      const float average = Sum(sums) / width;
      Vector squares = {};
      ForEachVector(width, [&](int64_t at, int count) {
        Vector centred = LoadSome(in + at, count) - average;
        if (count < kWidth) for (int lane = count; lane < kWidth; lane++) centred[lane] = 0;
        squares += centred * centred;
      });
      const float inverse = 1 / std::sqrt(Sum(squares) / width + epsilon);
      ForEachVector(width, [&](int64_t at, int count) {
        const Vector normalized = (LoadSome(in + at, count) - average) * inverse;
        StoreSome(out + at, normalized * LoadSome(scale + at, count) + LoadSome(offset + at, count), count);
      });
      mean[row] = average;
      inverseDeviation[row] = inverse;
    }
  });
}

inline void LayerNormGrad(OpKernelContext* context, int64_t rows, int64_t width, const float* outputGrad, const float* x,
                          const float* scale, const float* mean, const float* inverseDeviation, float* xGrad,
                          float* scaleGrad, float* offsetGrad) {
  SumOverRows(context, rows, width, {scaleGrad, offsetGrad}, width, [=](int64_t begin, int64_t end, float* partial) {
    float* scaleSum = partial;
    float* offsetSum = partial + width;
    for (int64_t row = begin; row < end; row++) {
      const float* dy = outputGrad + row * width;
      const float* in = x + row * width;
      const float average = mean[row], inverse = inverseDeviation[row];
      Vector gradients = {}, products = {};
      ForEachVector(width, [&](int64_t at, int count) {
        const Vector gradient = LoadSome(dy + at, count);
        const Vector normalized = (LoadSome(in + at, count) - average) * inverse;
        const Vector scaled = gradient * LoadSome(scale + at, count);
        gradients += scaled;
        products += scaled * normalized;
        StoreSome(scaleSum + at, LoadSome(scaleSum + at, count) + gradient * normalized, count);
        StoreSome(offsetSum + at, LoadSome(offsetSum + at, count) + gradient, count);
      });
      const float meanGradient = Sum(gradients) / width, meanProduct = Sum(products) / width;
      ForEachVector(width, [&](int64_t at, int count) {
        const Vector normalized = (LoadSome(in + at, count) - average) * inverse;
        const Vector scaled = LoadSome(dy + at, count) * LoadSome(scale + at, count);
        StoreSome(xGrad + row * width + at, (scaled - meanGradient - normalized * meanProduct) * inverse, count);
      });
    }
  });
}

}  // namespace notebooks
