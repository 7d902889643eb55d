// A step of AdamW (Loshchilov and Hutter 2019) in one pass over weight, moments and gradient, as torch.optim.AdamW orders it.
#pragma once
#include "parallel.h"

namespace notebooks {

struct AdamWStep {
  float keep;      // 1 − learning rate · weight decay
  float beta1, beta2, epsilon;
  float rate;      // learning rate / (1 − β₁ᵗ)
  float root;      // 1 / √(1 − β₂ᵗ)
};

struct AdamWState {
  float *weight, *first, *second;
};

// `to` may be `from`: then it works in place.
inline void AdamW(OpKernelContext* context, int64_t count, const AdamWStep& step, const AdamWState& from,
                  const AdamWState& to, const float* gradient) {
  ForEachVectorInParallel(context, count, 4, [&](int64_t at, int lanes) {
    const Vector g = LoadSome(gradient + at, lanes);
    const Vector m = LoadSome(from.first + at, lanes) * step.beta1 + g * (1 - step.beta1);
    const Vector v = LoadSome(from.second + at, lanes) * step.beta2 + g * g * (1 - step.beta2);
    const Vector deviation = Sqrt(v);
    const Vector w = LoadSome(from.weight + at, lanes) * step.keep - step.rate * m / (deviation * step.root + step.epsilon);
    StoreSome(to.weight + at, w, lanes);
    StoreSome(to.first + at, m, lanes);
    StoreSome(to.second + at, v, lanes);
  });
}

}  // namespace notebooks
