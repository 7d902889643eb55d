// Work on TensorFlow's own threads, and sums over rows that are the same whatever the number of threads.
#pragma once
#include <vector>

#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/util/work_sharder.h"

#include "vector.h"

namespace notebooks {

using tensorflow::OpKernelContext;
using tensorflow::Tensor;

// Calls `work(begin, end)` for parts of 0 … total. `cost` is a rough number of nanoseconds for one unit.
template <typename Work>
inline void Parallel(OpKernelContext* context, int64_t total, int64_t cost, Work work) {
  const auto& threads = *context->device()->tensorflow_cpu_worker_threads();
  tensorflow::Shard(threads.num_threads, threads.workers, total, cost, work);
}

// Calls `body(position, lanes)` for each vector of `count` values that stand alone. `cost` is that of one vector.
template <typename Body>
inline void ForEachVectorInParallel(OpKernelContext* context, int64_t count, int64_t cost, Body body) {
  Parallel(context, (count + kWidth - 1) / kWidth, cost, [&](int64_t begin, int64_t end) {
    const int64_t last = end * kWidth < count ? end * kWidth : count;
    const int64_t start = begin * kWidth;
    ForEachVector(last - start, [&](int64_t offset, int lanes) { body(start + offset, lanes); });
  });
}

// Blocks of rows that are added up one by one: their number is fixed, and with it the order of the additions.
constexpr int64_t kBlocks = 16;

// Adds up `sums` vectors of `width` values over rows: `work(begin, end, partial)` adds its rows to partial[sums × width].
template <typename Work>
inline void SumOverRows(
    OpKernelContext* context, int64_t rows, int64_t width, std::vector<float*> sums, int64_t cost, Work work) {
  const int64_t values = sums.size() * width;
  std::vector<float> partial(kBlocks * values);
  Parallel(context, kBlocks, cost * rows / kBlocks, [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; block++)
      work(block * rows / kBlocks, (block + 1) * rows / kBlocks, partial.data() + block * values);
  });
  for (size_t sum = 0; sum < sums.size(); sum++) {
    for (int64_t column = 0; column < width; column++) {
      float total = 0;
      for (int64_t block = 0; block < kBlocks; block++) total += partial[block * values + sum * width + column];
      sums[sum][column] = total;
    }
  }
}

inline const float* Values(const Tensor& tensor) { return tensor.flat<float>().data(); }

}  // namespace notebooks
