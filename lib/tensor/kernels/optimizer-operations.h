// Operations on parameters: each on all tensors of a network at once, since a small one has more to do with calls than with numbers.
#pragma once
#include "tensorflow/core/framework/resource_mgr.h"
#include "tensorflow/core/framework/resource_var.h"

#include "operation.h"

namespace notebooks {

// A variable of values of type T that are to be replaced.
template <typename T>
class Updated {
 public:
  using Value = typename Stored<T>::Type;
  // Of the variable that an input is the handle of; it has to hold `count` values.
  tensorflow::Status Open(OpKernelContext* context, int input, int64_t count) {
    constexpr auto kType = tensorflow::DataTypeToEnum<T>::value;
    TF_RETURN_IF_ERROR(tensorflow::LookupResource(context, tensorflow::HandleFromInput(context, input), &variable_));
    Tensor* tensor = variable_->tensor();
    if (tensor->dtype() != kType || tensor->NumElements() != count)
      return InvalidArgument("A variable of ", tensor->NumElements(), " values cannot be updated by a gradient of ", count, ".");
    from_ = to_ = Values<T>(tensor);
    if (tensor->RefCountIsOne()) return tensorflow::OkStatus();
    // What somebody has read keeps its values: the update goes to memory of its own.
    TF_RETURN_IF_ERROR(context->allocate_temp(kType, tensor->shape(), &other_));
    to_ = Values<T>(&other_);
    return tensorflow::OkStatus();
  }
  Value* from() const { return from_; }
  // Null where no variable was opened.
  Value* to() const { return to_; }
  void Finish() {
    if (to_ != from_) *variable_->tensor() = other_;
  }

 private:
  tensorflow::core::RefCountPtr<tensorflow::Var> variable_;
  Tensor other_;
  Value *from_ = nullptr, *to_ = nullptr;
};

// What an update works on: for each of N weights kSlots variables of what is accumulated (or none), and a bfloat16 copy that is written
// along with it (or none). The inputs are all weights, all of the first slot, and so on, all copies, the settings, all gradients.
template <typename T, int kSlots>
class UpdateOp : public OpKernel {
 public:
  explicit UpdateOp(OpKernelConstruction* construction) : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("N", &weights_));
    OP_REQUIRES_OK(construction, construction->GetAttr("copies", &copies_));
    OP_REQUIRES_OK(construction, construction->GetAttr("slots", &slots_));
    OP_REQUIRES(construction, slots_ == 0 || slots_ == kSlots * weights_, InvalidArgument("Each weight needs its slots."));
    OP_REQUIRES(construction, copies_ == 0 || copies_ == weights_, InvalidArgument("Each weight needs a copy, or none does."));
  }
  void Compute(OpKernelContext* context) override {
    const int given = weights_ + slots_ + copies_;
    const Tensor& settings = context->input(given);
    for (int index = 0; index < weights_; index++) {
      const Tensor& gradient = context->input(given + 1 + index);
      const int64_t count = gradient.NumElements();
      Updated<float> state[1 + kSlots];
      for (int kind = 0; kind * weights_ < weights_ + slots_; kind++)
        OP_REQUIRES_OK(context, state[kind].Open(context, kind * weights_ + index, count));
      Updated<tensorflow::bfloat16> copy;
      if (copies_ > 0) OP_REQUIRES_OK(context, copy.Open(context, weights_ + slots_ + index, count));
      Update(context, settings, state, gradient, copy.to());
      if (!context->status().ok()) return;
      for (Updated<float>& one : state) one.Finish();
      copy.Finish();
    }
  }

 protected:
  virtual void Update(OpKernelContext* context, const Tensor& settings, const Updated<float> (&state)[1 + kSlots],
                      const Tensor& gradient, bfloat16* copy) = 0;

 private:
  int weights_, slots_, copies_;
};

#define UPDATE_INPUTS                                                                                                  \
  Input("weights: N * resource").Input("accumulated: slots * resource").Input("rounded: copies * resource")           \
      .Input("settings: float").Input("gradients: N * T").Attr("N: int >= 1").Attr("slots: int >= 0")                  \
      .Attr("copies: int >= 0").FLOAT_OR_BFLOAT16.SetIsStateful().UNKNOWN_SHAPE

// settings: 1 − learning rate · weight decay, β₁, β₂, ε, learning rate / (1 − β₁ᵗ), 1 / √(1 − β₂ᵗ). Slots: first and second moments.
REGISTER_OP("NotebookAdamW").UPDATE_INPUTS;

template <typename T>
class AdamWOp : public UpdateOp<T, 2> {
 public:
  using UpdateOp<T, 2>::UpdateOp;
  using UpdateOp<T, 2>::type_string;

 protected:
  void Update(OpKernelContext* context, const Tensor& settings, const Updated<float> (&state)[3], const Tensor& gradient,
              bfloat16* copy) override {
    REQUIRE(context, settings.NumElements() == 6 && state[1].to() != nullptr);
    const float* values = Values(settings);
    const AdamWStep step = {values[0], values[1], values[2], values[3], values[4], values[5]};
    const AdamWState from = {state[0].from(), state[1].from(), state[2].from()};
    const AdamWState to = {state[0].to(), state[1].to(), state[2].to()};
    Stored<T>::Kernels().optimizer.adamW(ThreadsOf(context), gradient.NumElements(), step, from, to, Values<T>(gradient), copy);
  }
};

// settings: learning rate, weight decay, momentum, and 1 for Nesterov's momentum. Without momentum there are no slots, else velocities.
REGISTER_OP("NotebookSgd").UPDATE_INPUTS;

template <typename T>
class SgdOp : public UpdateOp<T, 1> {
 public:
  using UpdateOp<T, 1>::UpdateOp;
  using UpdateOp<T, 1>::type_string;

 protected:
  void Update(OpKernelContext* context, const Tensor& settings, const Updated<float> (&state)[2], const Tensor& gradient,
              bfloat16* copy) override {
    REQUIRE(context, settings.NumElements() == 4);
    const float* values = Values(settings);
    const SgdStep step = {values[0], values[1], values[2], values[3] != 0};
    Stored<T>::Kernels().optimizer.sgd(ThreadsOf(context), gradient.NumElements(), step, {state[0].from(), state[1].from()},
                                       {state[0].to(), state[1].to()}, Values<T>(gradient), copy);
  }
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

REGISTER_FOR_TYPES("NotebookAdamW", AdamWOp)
REGISTER_FOR_TYPES("NotebookSgd", SgdOp)
REGISTER_KERNEL_BUILDER(Name("NotebookReadVariables").Device(DEVICE_CPU), ReadVariablesOp);

}  // namespace notebooks
