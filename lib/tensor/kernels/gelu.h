// x · Φ(x) with the exact Φ (Hendrycks and Gimpel 2016), of a matrix product to which its bias is still to be added; and its gradient.
#pragma once
#include "parallel.h"

namespace notebooks {

// Φ(x) = ½ + x·P(x²)/Q(x²), fitted to scipy's norm.cdf on [0, 5.4]: 5e-9 before rounding. Further out it is 0 or 1 to float32.
inline Vector NormalDistribution(Vector x) {
  constexpr float kEnd = 5.4f;
  Vector z = x > kEnd ? Broadcast(kEnd) : x;
  z = z < -kEnd ? Broadcast(-kEnd) : z;
  const Vector s = z * z;
  Vector p = Broadcast(2.3386725445107004e-08f);
  p = p * s + 6.360020051943138e-06f;
  p = p * s + 1.6432181291747838e-04f;
  p = p * s + 4.650851711630821e-03f;
  p = p * s + 3.337223827838898e-02f;
  p = p * s + 3.98942232131958e-01f;
  Vector q = Broadcast(1.216590703734255e-06f);
  q = q * s + 7.240021659526974e-05f;
  q = q * s + 1.8589821411296725e-03f;
  q = q * s + 2.8378693386912346e-02f;
  q = q * s + 2.5031790137290955e-01f;
  q = q * s + 1.0f;
  const Vector inside = z * p / q + 0.5f;
  const Vector aboveStart = x < -kEnd ? Vector{} : inside;
  return x > kEnd ? Broadcast(1.0f) : aboveStart;
}

// d/dx x·Φ(x) = Φ(x) + x·φ(x) = ½ + x·P(x²)/Q(x²), fitted likewise on [0, 6]: 9e-11 before rounding.
inline Vector GeluDerivative(Vector x) {
  constexpr float kEnd = 6.0f;
  Vector z = x > kEnd ? Broadcast(kEnd) : x;
  z = z < -kEnd ? Broadcast(-kEnd) : z;
  const Vector s = z * z;
  Vector p = Broadcast(8.994973516029958e-11f);
  p = p * s + 2.9611543439500565e-08f;
  p = p * s + 3.0217171342883375e-07f;
  p = p * s + 4.052946678712033e-05f;
  p = p * s - 5.3668758482672274e-05f;
  p = p * s + 1.4754190109670162e-02f;
  p = p * s - 3.583351895213127e-02f;
  p = p * s + 7.978845834732056e-01f;
  Vector q = Broadcast(5.406561864873538e-09f);
  q = q * s + 2.619707117901271e-07f;
  q = q * s + 8.746664207137655e-06f;
  q = q * s + 2.0407077681738883e-04f;
  q = q * s + 3.4166460391134024e-03f;
  q = q * s + 3.963252902030945e-02f;
  q = q * s + 2.8842267394065857e-01f;
  q = q * s + 1.0f;
  return z * p / q + 0.5f;
}

// x: rows × width, bias: width.
template <typename T>
void BiasGelu(OpKernelContext* context, int64_t rows, int64_t width, const T* x, const float* bias, T* output) {
  Parallel(context, rows, width, [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; row++) {
      ForEachVector(width, [&](int64_t at, int count) {
        const Vector value = LoadSome(x + row * width + at, count) + LoadSome(bias + at, count);
        StoreSome(output + row * width + at, value * NormalDistribution(value), count);
      });
    }
  });
}

inline void BiasGeluGrad(OpKernelContext* context, int64_t rows, int64_t width, const float* outputGrad, const float* x,
                         const float* bias, float* xGrad, float* biasGrad) {
  SumOverRows(context, rows, width, {biasGrad}, width, [=](int64_t begin, int64_t end, float* partial) {
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

}  // namespace notebooks
