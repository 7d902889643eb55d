// Operations on parameters: each on all tensors of a network at once, since a small one has more to do with calls than with numbers.
#pragma once
#include "tensorflow/core/framework/resource_mgr.h"
#include "tensorflow/core/framework/resource_var.h"

#include "operation.h"

namespace notebooks {

// A variable whose values are to be replaced.
class Updated {
 public:
  // Of the variable that an input is the handle of; it has to hold `count` floats.
  tensorflow::Status Open(OpKernelContext* context, int input, int64_t count) {
    TF_RETURN_IF_ERROR(tensorflow::LookupResource(context, tensorflow::HandleFromInput(context, input), &variable_));
    Tensor* tensor = variable_->tensor();
    if (tensor->dtype() != tensorflow::DT_FLOAT || tensor->NumElements() != count)
      return InvalidArgument("A variable of ", tensor->NumElements(), " values cannot be updated by a gradient of ", count, ".");
    from_ = to_ = Values(tensor);
    if (tensor->RefCountIsOne()) return tensorflow::OkStatus();
    // What somebody has read keeps its values: the update goes to memory of its own.
    TF_RETURN_IF_ERROR(context->allocate_temp(tensorflow::DT_FLOAT, tensor->shape(), &other_));
    to_ = Values(&other_);
    return tensorflow::OkStatus();
  }
  float* from() const { return from_; }
  float* to() const { return to_; }
  void Finish() {
    if (to_ != from_) *variable_->tensor() = other_;
  }

 private:
  tensorflow::core::RefCountPtr<tensorflow::Var> variable_;
  Tensor other_;
  float *from_ = nullptr, *to_ = nullptr;
};

// settings: 1 − learning rate · weight decay, β₁, β₂, ε, learning rate / (1 − β₁ᵗ), 1 / √(1 − β₂ᵗ).
REGISTER_OP("NotebookAdamW")
    .Input("weights: N * resource").Input("first_moments: N * resource").Input("second_moments: N * resource")
    .Input("settings: float").Input("gradients: N * float").Attr("N: int >= 1 = 1").SetIsStateful().UNKNOWN_SHAPE;

class AdamWOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    const int count = (context->num_inputs() - 1) / 4;
    const Tensor& settings = context->input(3 * count);
    REQUIRE(context, settings.NumElements() == 6);
    const float* values = Values(settings);
    const AdamWStep step = {values[0], values[1], values[2], values[3], values[4], values[5]};
    for (int index = 0; index < count; index++) {
      const Tensor& gradient = context->input(3 * count + 1 + index);
      Updated state[3];
      for (int kind = 0; kind < 3; kind++)
        OP_REQUIRES_OK(context, state[kind].Open(context, kind * count + index, gradient.NumElements()));
      const AdamWState from = {state[0].from(), state[1].from(), state[2].from()};
      const AdamWState to = {state[0].to(), state[1].to(), state[2].to()};
      ChosenKernels().optimizer.adamW(ThreadsOf(context), gradient.NumElements(), step, from, to, Values(gradient));
      for (Updated& one : state) one.Finish();
    }
  }
};

// settings: learning rate, weight decay, momentum, and 1 for Nesterov's momentum. Without momentum there are no velocities.
REGISTER_OP("NotebookSgd")
    .Input("weights: N * resource").Input("velocities: M * resource").Input("settings: float").Input("gradients: N * float")
    .Attr("N: int >= 1").Attr("M: int >= 0").SetIsStateful().UNKNOWN_SHAPE;

class SgdOp : public OpKernel {
 public:
  explicit SgdOp(OpKernelConstruction* construction) : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("N", &weights_));
    OP_REQUIRES_OK(construction, construction->GetAttr("M", &velocities_));
    OP_REQUIRES(construction, velocities_ == 0 || velocities_ == weights_, InvalidArgument("Each weight needs a velocity."));
  }
  void Compute(OpKernelContext* context) override {
    const int given = weights_ + velocities_;
    const Tensor& settings = context->input(given);
    REQUIRE(context, settings.NumElements() == 4);
    const float* values = Values(settings);
    const SgdStep step = {values[0], values[1], values[2], values[3] != 0};
    for (int index = 0; index < weights_; index++) {
      const Tensor& gradient = context->input(given + 1 + index);
      const int64_t count = gradient.NumElements();
      Updated weight, velocity;
      OP_REQUIRES_OK(context, weight.Open(context, index, count));
      if (velocities_ > 0) OP_REQUIRES_OK(context, velocity.Open(context, weights_ + index, count));
      ChosenKernels().optimizer.sgd(ThreadsOf(context), count, step, weight.from(), velocity.from(), weight.to(),
                                    velocity.to(), Values(gradient));
      weight.Finish();
      if (velocities_ > 0) velocity.Finish();
    }
  }

 private:
  int weights_, velocities_;
};

// The values of variables without a copy, as ReadVariableOp gives that of one.
REGISTER_OP("NotebookReadVariables")
    .Input("variables: N * resource").Output("values: N * T").Attr("N: int >= 1").Attr("T: type").SetIsStateful().UNKNOWN_SHAPE;

class ReadVariablesOp : public OpKernel {
 public:
  explicit ReadVariablesOp(OpKernelConstruction* construction) : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("T", &type_));
  }
  void Compute(OpKernelContext* context) override {
    for (int index = 0; index < context->num_inputs(); index++) {
      tensorflow::core::RefCountPtr<tensorflow::Var> variable;
      OP_REQUIRES_OK(context, tensorflow::LookupResource(context, tensorflow::HandleFromInput(context, index), &variable));
      tensorflow::tf_shared_lock lock(*variable->mu());
      REQUIRE(context, variable->tensor()->dtype() == type_);
      context->set_output(index, *variable->tensor());
    }
  }

 private:
  tensorflow::DataType type_;
};

REGISTER_KERNEL_BUILDER(Name("NotebookAdamW").Device(DEVICE_CPU), AdamWOp);
REGISTER_KERNEL_BUILDER(Name("NotebookSgd").Device(DEVICE_CPU), SgdOp);
REGISTER_KERNEL_BUILDER(Name("NotebookReadVariables").Device(DEVICE_CPU), ReadVariablesOp);

}  // namespace notebooks
