// A step of stochastic gradient descent in one pass over weight, velocity and gradient, as torch.optim.SGD orders it (dampening 0).
#pragma once
#include "parallel.h"

namespace notebooks {

struct SgdStep {
  float rate, decay, momentum;
  bool nesterov;
};

// Bit for bit what the single operations give: every product is rounded. `velocity` is null where there is no momentum; `to` may be
// `from`: then it works in place.
inline void Sgd(OpKernelContext* context, int64_t count, const SgdStep& step, const float* weight, const float* velocity,
                float* newWeight, float* newVelocity, const float* gradient) {
  ForEachVectorInParallel(context, count, 3, [&](int64_t at, int lanes) {
    const Vector w = LoadSome(weight + at, lanes);
    Vector g = LoadSome(gradient + at, lanes);
    if (step.decay != 0) {
      const Vector shrinking = Rounded(w * step.decay);
      g = g + shrinking;
    }
    Vector change = Rounded(g * step.rate);
    if (velocity != nullptr) {
      const Vector kept = Rounded(LoadSome(velocity + at, lanes) * step.momentum);
      const Vector v = kept + g;
      StoreSome(newVelocity + at, v, lanes);
      const Vector along = Rounded(step.nesterov ? Rounded(v * step.momentum) * step.rate : v * step.rate);
      change = step.nesterov ? change + along : along;
    }
    StoreSome(newWeight + at, w - change, lanes);
  });
}

}  // namespace notebooks
