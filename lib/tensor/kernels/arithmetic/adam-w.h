// A step of AdamW (Loshchilov and Hutter 2019) in one pass over weight, moments and gradient, as torch.optim.AdamW orders it.
#pragma once
#include "parallel.h"

namespace notebooks {
namespace {

template <typename T>
void AdamW(const Threads& threads, int64_t count, const AdamWStep& step, const AdamWState& from, const AdamWState& to,
           const T* gradient, bfloat16* copy) {
  ForEachVectorInParallel(threads, count, 4, [&](int64_t at, int lanes) {
    const Vector g = LoadSome(gradient + at, lanes);
    const Vector m = MultiplyAdd(LoadSome(from.first + at, lanes), step.beta1, g * (1 - step.beta1));
    const Vector v = MultiplyAdd(LoadSome(from.second + at, lanes), step.beta2, g * g * (1 - step.beta2));
    const Vector change = step.rate * m / MultiplyAdd(Sqrt(v), step.root, Broadcast(step.epsilon));
    const Vector weight = MultiplyAdd(LoadSome(from.weight + at, lanes), step.keep, -change);
    StoreSome(to.weight + at, weight, lanes);
    if (copy != nullptr) StoreSome(copy + at, weight, lanes);
    StoreSome(to.first + at, m, lanes);
    StoreSome(to.second + at, v, lanes);
  });
}

}  // namespace
}  // namespace notebooks
