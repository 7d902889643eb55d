// What the operations share: how they read their inputs and say that these do not fit.
#pragma once
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"

#include "parallel.h"

namespace notebooks {

using tensorflow::DEVICE_CPU;
using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::TensorShape;
using tensorflow::errors::InvalidArgument;

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

#define UNKNOWN_SHAPE SetShapeFn(tensorflow::shape_inference::UnknownShape)

}  // namespace notebooks
