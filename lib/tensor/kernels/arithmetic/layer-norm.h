// Layer normalisation over the last axis (Ba et al. 2016) in one pass over memory, and its gradient.
#pragma once
#include "parallel.h"

namespace notebooks {
namespace {

template <typename T>
void LayerNorm(const Threads& threads, int64_t rows, int64_t width, const T* x, const float* scale, const float* offset,
               float epsilon, T* output, float* mean, float* inverseDeviation) {
  Parallel(threads, rows, width / 2 + 1, [=](int64_t begin, int64_t end) {
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
        squares = MultiplyAdd(centred, centred, squares);
      });
      const float inverse = 1 / sqrtf(Sum(squares) / width + epsilon);
      ForEachVector(width, [&](int64_t at, int count) {
        const Vector normalized = (LoadSome(in + at, count) - average) * inverse;
        StoreSome(out + at, MultiplyAdd(normalized, LoadSome(scale + at, count), LoadSome(offset + at, count)), count);
      });
      mean[row] = average;
      inverseDeviation[row] = inverse;
    }
  });
}

template <typename T>
void LayerNormGrad(const Threads& threads, int64_t rows, int64_t width, const T* outputGrad, const T* x, const float* scale,
                   const float* mean, const float* inverseDeviation, T* xGrad, float* scaleGrad, float* offsetGrad) {
  SumOverRows(threads, rows, width, {scaleGrad, offsetGrad}, width, [=](int64_t begin, int64_t end, float* partial) {
    float* scaleSum = partial;
    float* offsetSum = partial + width;
    for (int64_t row = begin; row < end; row++) {
      const T* dy = outputGrad + row * width;
      const T* in = x + row * width;
      const float average = mean[row], inverse = inverseDeviation[row];
      Vector gradients = {}, products = {};
      ForEachVector(width, [&](int64_t at, int count) {
        const Vector gradient = LoadSome(dy + at, count);
        const Vector normalized = (LoadSome(in + at, count) - average) * inverse;
        const Vector scaled = gradient * LoadSome(scale + at, count);
        gradients += scaled;
        products = MultiplyAdd(scaled, normalized, products);
        StoreSome(scaleSum + at, MultiplyAdd(gradient, normalized, LoadSome(scaleSum + at, count)), count);
        StoreSome(offsetSum + at, LoadSome(offsetSum + at, count) + gradient, count);
      });
      const float meanGradient = Sum(gradients) / width, meanProduct = Sum(products) / width;
      ForEachVector(width, [&](int64_t at, int count) {
        const Vector normalized = (LoadSome(in + at, count) - average) * inverse;
        const Vector scaled = LoadSome(dy + at, count) * LoadSome(scale + at, count);
        const Vector rest = MultiplyAdd(normalized, -meanProduct, scaled - meanGradient);
        StoreSome(xGrad + row * width + at, rest * inverse, count);
      });
    }
  });
}

}  // namespace
}  // namespace notebooks
