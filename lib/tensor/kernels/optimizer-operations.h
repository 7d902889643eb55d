// Operations that update parameters.
#pragma once
#include "tensorflow/core/framework/resource_mgr.h"
#include "tensorflow/core/framework/resource_var.h"
#include "adam-w.h"
#include "operation.h"

namespace notebooks {

// settings: 1 − learning rate · weight decay, β₁, β₂, ε, learning rate / (1 − β₁ᵗ), 1 / √(1 − β₂ᵗ).
REGISTER_OP("NotebookAdamW")
    .Input("weight: resource").Input("first_moment: resource").Input("second_moment: resource").Input("settings: float")
    .Input("gradient: float").SetIsStateful().UNKNOWN_SHAPE;

class AdamWOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    const Tensor &settings = context->input(3), &gradient = context->input(4);
    REQUIRE(context, settings.NumElements() == 6);
    const float* values = Values(settings);
    const AdamWStep step = {values[0], values[1], values[2], values[3], values[4], values[5]};
    tensorflow::core::RefCountPtr<tensorflow::Var> variables[3];
    Tensor updated[3];
    float *from[3], *to[3];
    for (int index = 0; index < 3; index++) {
      OP_REQUIRES_OK(context, tensorflow::LookupResource(context, tensorflow::HandleFromInput(context, index), &variables[index]));
      Tensor* tensor = variables[index]->tensor();
      REQUIRE(context, tensor->dtype() == tensorflow::DT_FLOAT && tensor->NumElements() == gradient.NumElements());
      from[index] = tensor->flat<float>().data();
      // What somebody has read keeps its values: the update goes to memory of its own.
      if (!tensor->RefCountIsOne())
        OP_REQUIRES_OK(context, context->allocate_temp(tensorflow::DT_FLOAT, tensor->shape(), &updated[index]));
      to[index] = tensor->RefCountIsOne() ? from[index] : updated[index].flat<float>().data();
    }
    AdamW(context, gradient.NumElements(), step, {from[0], from[1], from[2]}, {to[0], to[1], to[2]}, Values(gradient));
    for (int index = 0; index < 3; index++)
      if (to[index] != from[index]) *variables[index]->tensor() = updated[index];
  }
};

REGISTER_KERNEL_BUILDER(Name("NotebookAdamW").Device(DEVICE_CPU), AdamWOp);

}  // namespace notebooks
