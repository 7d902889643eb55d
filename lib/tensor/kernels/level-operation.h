// Which level of the arithmetic is used.
#pragma once
#include "operation.h"

namespace notebooks {

REGISTER_OP("NotebookLevel").Output("name: string").SetIsStateful().UNKNOWN_SHAPE;

class LevelOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    OP_REQUIRES(context, *LevelProblem() == 0, InvalidArgument(LevelProblem()));
    Tensor* name;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({}), &name));
    name->scalar<tensorflow::tstring>()() = ChosenLevel();
  }
};

REGISTER_KERNEL_BUILDER(Name("NotebookLevel").Device(DEVICE_CPU), LevelOp);

}  // namespace notebooks
