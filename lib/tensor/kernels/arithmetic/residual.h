// residual + scale · (x + bias): the end of a transformer's branch, with or without layer scale (Touvron et al. 2021); and its gradient.
// Without a scale that of the bias is a sum over rows.
#pragma once
#include "parallel.h"

namespace notebooks {
namespace {

template <typename T>
void BiasResidual(const Threads& threads, int64_t rows, int64_t width, const T* residual, const T* x, const float* bias,
                  const float* scale, T* output) {
  Parallel(threads, rows, width / 4 + 1, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t start = row * width;
      ForEachVector(width, [&](int64_t at, int count) {
        const Vector along = LoadSome(residual + start + at, count);
        const Vector branch = LoadSome(x + start + at, count) + LoadSome(bias + at, count);
        const Vector sum = scale == nullptr ? along + branch : MultiplyAdd(branch, LoadSome(scale + at, count), along);
        StoreSome(output + start + at, sum, count);
      });
    }
  });
}

template <typename T>
void SumRows(const Threads& threads, int64_t rows, int64_t width, const T* x, float* sums) {
  SumOverRows(threads, rows, width, {sums}, width / 4 + 1, [=](int64_t begin, int64_t end, float* partial) {
    for (int64_t row = begin; row < end; row++) {
      ForEachVector(width, [&](int64_t at, int count) {
        StoreSome(partial + at, LoadSome(partial + at, count) + LoadSome(x + row * width + at, count), count);
      });
    }
  });
}

template <typename T>
void BiasResidualGrad(const Threads& threads, int64_t rows, int64_t width, const T* outputGrad, const T* x, const float* bias,
                      const float* scale, T* xGrad, float* biasGrad, float* scaleGrad) {
  SumOverRows(threads, rows, width, {biasGrad, scaleGrad}, width / 2 + 1, [=](int64_t begin, int64_t end, float* partial) {
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
        StoreSome(scaleSum, MultiplyAdd(gradient, branch, LoadSome(scaleSum, count)), count);
      });
    }
  });
}

}  // namespace
}  // namespace notebooks
