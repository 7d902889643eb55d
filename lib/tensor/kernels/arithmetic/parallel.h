// Work in parallel, and sums over rows that are the same whatever the number of threads.
#pragma once
#include <stdlib.h>

#include "table.h"
#include "vector.h"

namespace notebooks {
namespace {

// Memory of a kernel's own, zeros at first, which begins where a vector may be loaded in one piece.
template <typename T>
class Scratch {
 public:
  explicit Scratch(int64_t count) {
    void* memory;
    if (posix_memalign(&memory, 64, count * sizeof(T) + 1) != 0) abort();
    values_ = static_cast<T*>(memset(memory, 0, count * sizeof(T)));
  }
  ~Scratch() { free(values_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() { return values_; }
  T& operator[](int64_t index) { return values_[index]; }

 private:
  T* values_;
};

// Calls `work(begin, end)` for parts of 0 … total. `cost` is a rough number of nanoseconds for one unit.
template <typename Work>
void Parallel(const Threads& threads, int64_t total, int64_t cost, const Work& work) {
  const auto call = [](void* argument, int64_t begin, int64_t end) { (*static_cast<const Work*>(argument))(begin, end); };
  threads.run(threads.pool, total, cost, call, const_cast<Work*>(&work));
}

// Calls `body(position, lanes)` for each vector of `count` values that stand alone. `cost` is that of one vector.
template <typename Body>
void ForEachVectorInParallel(const Threads& threads, int64_t count, int64_t cost, const Body& body) {
  Parallel(threads, (count + kWidth - 1) / kWidth, cost, [&](int64_t begin, int64_t end) {
    const int64_t last = end * kWidth < count ? end * kWidth : count;
    const int64_t start = begin * kWidth;
    ForEachVector(last - start, [&](int64_t offset, int lanes) { body(start + offset, lanes); });
  });
}

// Blocks of rows that are added up one by one: their number is fixed, and with it the order of the additions.
constexpr int64_t kBlocks = 16;

// Adds up `kSums` vectors of `width` values over rows: `work(begin, end, partial)` adds its rows to partial[kSums × width].
template <int kSums, typename Work>
void SumOverRows(const Threads& threads, int64_t rows, int64_t width, float* const (&sums)[kSums], int64_t cost,
                 const Work& work) {
  constexpr int64_t kCount = kSums;
  const int64_t values = kCount * width;
  Scratch<float> partial(kBlocks * values);
  Parallel(threads, kBlocks, cost * rows / kBlocks, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++)
      work(block * rows / kBlocks, (block + 1) * rows / kBlocks, partial.data() + block * values);
  });
  for (int64_t sum = 0; sum < kCount; sum++) {
    for (int64_t column = 0; column < width; column++) {
      float total = 0;
      for (int64_t block = 0; block < kBlocks; block++) total += partial[block * values + sum * width + column];
      sums[sum][column] = total;
    }
  }
}

}  // namespace
}  // namespace notebooks
