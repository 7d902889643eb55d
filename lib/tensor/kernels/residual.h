// residual + scale · (x + bias): the end of a transformer's branch, with or without layer scale (Touvron et al. 2021); and its gradient.
#pragma once
#include "parallel.h"

namespace notebooks {

// x, residual: rows × width; bias: width; scale: width, or null for 1.
template <typename T>
void BiasResidual(OpKernelContext* context, int64_t rows, int64_t width, const T* residual, const T* x, const float* bias,
                  const float* scale, T* output) {
  Parallel(context, rows, width / 4 + 1, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t start = row * width;
      ForEachVector(width, [&](int64_t at, int count) {
        Vector branch = LoadSome(x + start + at, count) + LoadSome(bias + at, count);
        if (scale != nullptr) branch *= LoadSome(scale + at, count);
        StoreSome(output + start + at, LoadSome(residual + start + at, count) + branch, count);
      });
    }
  });
}

// With a scale; without one, the gradient of x is that of the output.
inline void BiasResidualGrad(OpKernelContext* context, int64_t rows, int64_t width, const float* outputGrad, const float* x,
                             const float* bias, const float* scale, float* xGrad, float* biasGrad, float* scaleGrad) {
  SumOverRows(context, rows, width, {biasGrad, scaleGrad}, width / 2 + 1, [=](int64_t begin, int64_t end, float* partial) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t start = row * width;
      ForEachVector(width, [&](int64_t at, int count) {
        const Vector gradient = LoadSome(outputGrad + start + at, count);
        const Vector scaled = gradient * LoadSome(scale + at, count);
        const Vector branch = LoadSome(x + start + at, count) + LoadSome(bias + at, count);
        float* biasSum = partial + at;
        float* scaleSum = partial + width + at;
        StoreSome(xGrad + start + at, scaled, count);
        StoreSome(biasSum, LoadSome(biasSum, count) + scaled, count);
        StoreSome(scaleSum, LoadSome(scaleSum, count) + gradient * branch, count);
      });
    }
  });
}

}  // namespace notebooks
