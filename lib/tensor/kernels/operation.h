// What the operations share: how they read their inputs and say that these do not fit.
#pragma once
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/util/work_sharder.h"

#include "levels.h"

namespace notebooks {

using tensorflow::DEVICE_CPU;
using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::errors::InvalidArgument;

// TensorFlow's own threads for the arithmetic.
inline Threads ThreadsOf(OpKernelContext* context) {
  using Workers = tensorflow::DeviceBase::CpuWorkerThreads;
  const auto run = [](void* pool, int64_t total, int64_t cost, void (*work)(void*, int64_t, int64_t), void* argument) {
    const auto& workers = *static_cast<const Workers*>(pool);
    tensorflow::Shard(workers.num_threads, workers.workers, total, cost,
                      [=](int64_t begin, int64_t end) { work(argument, begin, end); });
  };
  return {const_cast<Workers*>(context->device()->tensorflow_cpu_worker_threads()), run};
}

// The arithmetic's own name for a type of TensorFlow's, and what there is for it.
template <typename T>
struct Stored {
  using Type = T;
  static const TypeKernels<T>& Kernels() { return ChosenKernels().ofFloat; }
};
template <>
struct Stored<tensorflow::bfloat16> {
  using Type = bfloat16;
  static const TypeKernels<bfloat16>& Kernels() { return ChosenKernels().ofBfloat16; }
};

template <typename T = float>
const typename Stored<T>::Type* Values(const Tensor& tensor) {
  return reinterpret_cast<const typename Stored<T>::Type*>(tensor.flat<T>().data());
}
template <typename T = float>
typename Stored<T>::Type* Values(Tensor* tensor) {
  return reinterpret_cast<typename Stored<T>::Type*>(tensor->flat<T>().data());
}

// Rows × width, whatever the leading axes are.
struct Rows {
  int64_t count, width;
};

bool ReadRows(const Tensor& x, Rows* rows) {
  if (x.dims() < 1 || x.dim_size(x.dims() - 1) == 0) return false;
  rows->width = x.dim_size(x.dims() - 1);
  rows->count = x.NumElements() / rows->width;
  return true;
}

// Where an operation cannot work with what it is given.
#define REQUIRE(context, condition) \
  OP_REQUIRES(context, condition, InvalidArgument(type_string(), " needs ", #condition, "."))

#define FLOAT_OR_BFLOAT16 Attr("T: {float, bfloat16}")

#define REGISTER_FOR_TYPE(name, op, type) \
  REGISTER_KERNEL_BUILDER(Name(name).Device(DEVICE_CPU).TypeConstraint<type>("T"), op<type>);
#define REGISTER_FOR_TYPES(name, op)   \
  REGISTER_FOR_TYPE(name, op, float) \
  REGISTER_FOR_TYPE(name, op, tensorflow::bfloat16)

#define UNKNOWN_SHAPE SetShapeFn(tensorflow::shape_inference::UnknownShape)

}  // namespace notebooks
