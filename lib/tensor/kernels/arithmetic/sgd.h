// A step of stochastic gradient descent in one pass over weight, velocity and gradient, as torch.optim.SGD orders it (dampening 0).
#pragma once
#include "parallel.h"

namespace notebooks {
namespace {

// Bit for bit what the single operations give: every product is rounded.
template <typename T>
void Sgd(const Threads& threads, int64_t count, const SgdStep& step, const SgdState& from, const SgdState& to,
         const T* gradient, bfloat16* copy) {
  ForEachVectorInParallel(threads, count, 3, [&](int64_t at, int lanes) {
    const Vector w = LoadSome(from.weight + at, lanes);
    Vector g = LoadSome(gradient + at, lanes);
    if (step.decay != 0) g += w * step.decay;
    Vector change = g * step.rate;
    if (from.velocity != nullptr) {
      const Vector v = LoadSome(from.velocity + at, lanes) * step.momentum + g;
      StoreSome(to.velocity + at, v, lanes);
      change = step.nesterov ? change + v * step.momentum * step.rate : v * step.rate;
    }
    StoreSome(to.weight + at, w - change, lanes);
    if (copy != nullptr) StoreSome(copy + at, w - change, lanes);
  });
}

}  // namespace
}  // namespace notebooks
