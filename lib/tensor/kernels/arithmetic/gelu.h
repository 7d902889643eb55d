// x · Φ(x) with the exact Φ (Hendrycks and Gimpel 2016), of a matrix product to which its bias is still to be added; and its gradient.
#pragma once
#include "parallel.h"

namespace notebooks {
namespace {

inline Vector Within(Vector x, float end) {
  const Vector z = x > end ? Broadcast(end) : x;
  return z < -end ? Broadcast(-end) : z;
}

// Φ(x) = ½ + x·P(x²)/Q(x²), fitted to scipy's norm.cdf on [0, 5.4]: 5e-9 before rounding. Further out it is 0 or 1 to float32.
inline Vector NormalDistribution(Vector x) {
  constexpr float kEnd = 5.4f;
  const Vector z = Within(x, kEnd), s = z * z;
  const Vector p = Polynomial(s, {2.3386725445107004e-08f, 6.360020051943138e-06f, 1.6432181291747838e-04f,
                                  4.650851711630821e-03f, 3.337223827838898e-02f, 3.98942232131958e-01f});
  const Vector q = Polynomial(s, {1.216590703734255e-06f, 7.240021659526974e-05f, 1.8589821411296725e-03f,
                                  2.8378693386912346e-02f, 2.5031790137290955e-01f, 1.0f});
  const Vector aboveStart = x < -kEnd ? Vector{} : z * p / q + 0.5f;
  return x > kEnd ? Broadcast(1.0f) : aboveStart;
}

// d/dx x·Φ(x) = Φ(x) + x·φ(x) = ½ + x·P(x²)/Q(x²), fitted likewise on [0, 6]: 9e-11 before rounding.
inline Vector GeluDerivative(Vector x) {
  const Vector z = Within(x, 6.0f), s = z * z;
  const Vector p = Polynomial(s, {8.994973516029958e-11f, 2.9611543439500565e-08f, 3.0217171342883375e-07f,
                                  4.052946678712033e-05f, -5.3668758482672274e-05f, 1.4754190109670162e-02f,
                                  -3.583351895213127e-02f, 7.978845834732056e-01f});
  const Vector q = Polynomial(s, {5.406561864873538e-09f, 2.619707117901271e-07f, 8.746664207137655e-06f,
                                  2.0407077681738883e-04f, 3.4166460391134024e-03f, 3.963252902030945e-02f,
                                  2.8842267394065857e-01f, 1.0f});
  return z * p / q + 0.5f;
}

template <typename T>
void BiasGelu(const Threads& threads, int64_t rows, int64_t width, const T* x, const float* bias, T* output) {
  Parallel(threads, rows, width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      ForEachVector(width, [&](int64_t at, int count) {
        const Vector value = LoadSome(x + row * width + at, count) + LoadSome(bias + at, count);
        StoreSome(output + row * width + at, value * NormalDistribution(value), count);
      });
    }
  });
}

template <typename T>
void BiasGeluGrad(const Threads& threads, int64_t rows, int64_t width, const T* outputGrad, const T* x, const float* bias,
                  T* xGrad, float* biasGrad) {
  SumOverRows(threads, rows, width, {biasGrad}, width, [=](int64_t begin, int64_t end, float* partial) {
    for (int64_t row = begin; row < end; row++) {
      const int64_t start = row * width;
      ForEachVector(width, [&](int64_t at, int count) {
        const Vector value = LoadSome(x + start + at, count) + LoadSome(bias + at, count);
        const Vector gradient = LoadSome(outputGrad + start + at, count) * GeluDerivative(value);
        StoreSome(xGrad + start + at, gradient, count);
        StoreSome(partial + at, LoadSome(partial + at, count) + gradient, count);
      });
    }
  });
}

}  // namespace
}  // namespace notebooks
