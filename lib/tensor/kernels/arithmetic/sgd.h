// A step of stochastic gradient descent in one pass over weight, velocity and gradient, as torch.optim.SGD orders it (dampening 0).
#pragma once
#include "parallel.h"

namespace notebooks {
namespace {

// Bit for bit what the single operations give: every product is rounded.
void Sgd(const Threads& threads, int64_t count, const SgdStep& step, const float* weight, const float* velocity,
         float* newWeight, float* newVelocity, const float* gradient) {
  ForEachVectorInParallel(threads, count, 3, [&](int64_t at, int lanes) {
    const Vector w = LoadSome(weight + at, lanes);
    Vector g = LoadSome(gradient + at, lanes);
    if (step.decay != 0) g += w * step.decay;
    Vector change = g * step.rate;
    if (velocity != nullptr) {
      const Vector v = LoadSome(velocity + at, lanes) * step.momentum + g;
      StoreSome(newVelocity + at, v, lanes);
      change = step.nesterov ? change + v * step.momentum * step.rate : v * step.rate;
    }
    StoreSome(newWeight + at, w - change, lanes);
  });
}

}  // namespace
}  // namespace notebooks
