// Operations of transformers.
#pragma once
#include "operation.h"

namespace notebooks {

REGISTER_OP("NotebookLayerNorm")
    .Input("x: T").Input("scale: float").Input("offset: float")
    .Output("output: T").Output("mean: float").Output("inverse_deviation: float")
    .FLOAT_OR_BFLOAT16.Attr("epsilon: float").UNKNOWN_SHAPE;

template <typename T>
class LayerNormOp : public OpKernel {
 public:
  explicit LayerNormOp(OpKernelConstruction* construction) : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("epsilon", &epsilon_));
  }
  void Compute(OpKernelContext* context) override {
    const Tensor &x = context->input(0), &scale = context->input(1), &offset = context->input(2);
    Rows rows;
    REQUIRE(context, ReadRows(x, &rows));
    REQUIRE(context, scale.NumElements() == rows.width && offset.NumElements() == rows.width);
    Tensor *output, *mean, *inverse;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &output));
    OP_REQUIRES_OK(context, context->allocate_output(1, TensorShape({rows.count}), &mean));
    OP_REQUIRES_OK(context, context->allocate_output(2, TensorShape({rows.count}), &inverse));
    Stored<T>::Kernels().forward.layerNorm(ThreadsOf(context), rows.count, rows.width, Values<T>(x), Values(scale), Values(offset),
                                   epsilon_, Values<T>(output), Values(mean), Values(inverse));
  }

 private:
  float epsilon_;
};

REGISTER_OP("NotebookLayerNormGrad")
    .Input("output_gradient: T").Input("x: T").Input("scale: float").Input("mean: float")
    .Input("inverse_deviation: float")
    .Output("x_gradient: T").Output("scale_gradient: float").Output("offset_gradient: float")
    .FLOAT_OR_BFLOAT16.UNKNOWN_SHAPE;

template <typename T>
class LayerNormGradOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    const Tensor &outputGrad = context->input(0), &x = context->input(1), &scale = context->input(2);
    const Tensor &mean = context->input(3), &inverse = context->input(4);
    Rows rows;
    REQUIRE(context, ReadRows(x, &rows));
    REQUIRE(context, outputGrad.NumElements() == x.NumElements() && scale.NumElements() == rows.width);
    REQUIRE(context, mean.NumElements() == rows.count && inverse.NumElements() == rows.count);
    Tensor *xGrad, *scaleGrad, *offsetGrad;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &xGrad));
    OP_REQUIRES_OK(context, context->allocate_output(1, scale.shape(), &scaleGrad));
    OP_REQUIRES_OK(context, context->allocate_output(2, scale.shape(), &offsetGrad));
    Stored<T>::Kernels().gradient.layerNorm(ThreadsOf(context), rows.count, rows.width, Values<T>(outputGrad), Values<T>(x),
                                       Values(scale), Values(mean), Values(inverse), Values<T>(xGrad), Values(scaleGrad),
                                       Values(offsetGrad));
  }
};

REGISTER_OP("NotebookBiasGelu")
    .Input("x: T").Input("bias: float").Output("output: T").FLOAT_OR_BFLOAT16.UNKNOWN_SHAPE;

template <typename T>
class BiasGeluOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    const Tensor &x = context->input(0), &bias = context->input(1);
    Rows rows;
    REQUIRE(context, ReadRows(x, &rows));
    REQUIRE(context, bias.NumElements() == rows.width);
    Tensor* output;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &output));
    Stored<T>::Kernels().forward.biasGelu(ThreadsOf(context), rows.count, rows.width, Values<T>(x), Values(bias),
                                  Values<T>(output));
  }
};

REGISTER_OP("NotebookBiasGeluGrad")
    .Input("output_gradient: T").Input("x: T").Input("bias: float")
    .Output("x_gradient: T").Output("bias_gradient: float").FLOAT_OR_BFLOAT16.UNKNOWN_SHAPE;

template <typename T>
class BiasGeluGradOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    const Tensor &outputGrad = context->input(0), &x = context->input(1), &bias = context->input(2);
    Rows rows;
    REQUIRE(context, ReadRows(x, &rows));
    REQUIRE(context, outputGrad.NumElements() == x.NumElements() && bias.NumElements() == rows.width);
    Tensor *xGrad, *biasGrad;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &xGrad));
    OP_REQUIRES_OK(context, context->allocate_output(1, bias.shape(), &biasGrad));
    Stored<T>::Kernels().gradient.biasGelu(ThreadsOf(context), rows.count, rows.width, Values<T>(outputGrad), Values<T>(x),
                                      Values(bias), Values<T>(xGrad), Values(biasGrad));
  }
};

// An empty scale stands for 1.
REGISTER_OP("NotebookBiasResidual")
    .Input("residual: T").Input("x: T").Input("bias: float").Input("scale: float").Output("output: T")
    .FLOAT_OR_BFLOAT16.UNKNOWN_SHAPE;

template <typename T>
class BiasResidualOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    const Tensor &residual = context->input(0), &x = context->input(1), &bias = context->input(2);
    const Tensor& scale = context->input(3);
    Rows rows;
    REQUIRE(context, ReadRows(x, &rows));
    REQUIRE(context, residual.NumElements() == x.NumElements() && bias.NumElements() == rows.width);
    REQUIRE(context, scale.NumElements() == 0 || scale.NumElements() == rows.width);
    Tensor* output;
    OP_REQUIRES_OK(context, context->allocate_output(0, residual.shape(), &output));
    Stored<T>::Kernels().forward.biasResidual(ThreadsOf(context), rows.count, rows.width, Values<T>(residual), Values<T>(x),
                                      Values(bias), scale.NumElements() == 0 ? nullptr : Values(scale),
                                      Values<T>(output));
  }
};

REGISTER_OP("NotebookBiasResidualGrad")
    .Input("output_gradient: T").Input("x: T").Input("bias: float").Input("scale: float")
    .Output("x_gradient: T").Output("bias_gradient: float").Output("scale_gradient: float")
    .FLOAT_OR_BFLOAT16.UNKNOWN_SHAPE;

template <typename T>
class BiasResidualGradOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    const Tensor &outputGrad = context->input(0), &x = context->input(1), &bias = context->input(2);
    const Tensor& scale = context->input(3);
    Rows rows;
    REQUIRE(context, ReadRows(x, &rows));
    REQUIRE(context, outputGrad.NumElements() == x.NumElements());
    REQUIRE(context, bias.NumElements() == rows.width && scale.NumElements() == rows.width);
    Tensor *xGrad, *biasGrad, *scaleGrad;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &xGrad));
    OP_REQUIRES_OK(context, context->allocate_output(1, bias.shape(), &biasGrad));
    OP_REQUIRES_OK(context, context->allocate_output(2, scale.shape(), &scaleGrad));
    Stored<T>::Kernels().gradient.biasResidual(ThreadsOf(context), rows.count, rows.width, Values<T>(outputGrad), Values<T>(x),
                                          Values(bias), Values(scale), Values<T>(xGrad), Values(biasGrad),
                                          Values(scaleGrad));
  }
};

REGISTER_OP("NotebookSumRows").Input("x: T").Output("sums: float").FLOAT_OR_BFLOAT16.UNKNOWN_SHAPE;

template <typename T>
class SumRowsOp : public OpKernel {
 public:
  using OpKernel::OpKernel;
  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    Rows rows;
    REQUIRE(context, ReadRows(x, &rows));
    Tensor* sums;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({rows.width}), &sums));
    Stored<T>::Kernels().gradient.sumRows(ThreadsOf(context), rows.count, rows.width, Values<T>(x), Values(sums));
  }
};

// qkv: images · tokens × 3·channels. Empty: bias for none; sine and cosine where there are no rotary positions.
REGISTER_OP("NotebookAttention")
    .Input("qkv: T").Input("bias: float").Input("sine: float").Input("cosine: float")
    .Output("output: T").Output("log_sum: float")
    .FLOAT_OR_BFLOAT16.Attr("heads: int").Attr("tokens: int").UNKNOWN_SHAPE;

REGISTER_OP("NotebookAttentionGrad")
    .Input("output_gradient: T").Input("qkv: T").Input("bias: float").Input("sine: float").Input("cosine: float")
    .Input("output: T").Input("log_sum: float").Output("qkv_gradient: T")
    .FLOAT_OR_BFLOAT16.Attr("heads: int").Attr("tokens: int").UNKNOWN_SHAPE;

// The attributes of an attention, and what they make of its inputs.
struct AttentionLayout {
  int64_t heads, tokens;

  explicit AttentionLayout(OpKernelConstruction* construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("heads", &heads));
    OP_REQUIRES_OK(construction, construction->GetAttr("tokens", &tokens));
    OP_REQUIRES(construction, heads > 0 && tokens > 0, InvalidArgument("Attention needs heads and tokens."));
  }

  bool Read(const Tensor& qkv, const Tensor& bias, const Tensor& sine, const Tensor& cosine, AttentionShape* shape) const {
    if (qkv.dims() != 2 || qkv.dim_size(0) % tokens != 0) return false;
    if (qkv.dim_size(1) == 0 || qkv.dim_size(1) % (3 * heads) != 0) return false;
    if (bias.NumElements() != 0 && bias.NumElements() != qkv.dim_size(1)) return false;
    const int64_t width = qkv.dim_size(1) / (3 * heads);
    const int64_t rotated = sine.NumElements() / width;
    if (sine.NumElements() != cosine.NumElements() || sine.NumElements() != rotated * width) return false;
    if (rotated > tokens || (rotated > 0 && width % 2 != 0)) return false;
    const float* biases = bias.NumElements() == 0 ? nullptr : Values(bias);
    *shape = {qkv.dim_size(0) / tokens, tokens, heads, width, rotated, biases, Values(sine), Values(cosine)};
    return true;
  }
};

template <typename T>
class AttentionOp : public OpKernel {
 public:
  explicit AttentionOp(OpKernelConstruction* construction) : OpKernel(construction), layout_(construction) {}
  void Compute(OpKernelContext* context) override {
    const Tensor& qkv = context->input(0);
    AttentionShape shape;
    REQUIRE(context, layout_.Read(qkv, context->input(1), context->input(2), context->input(3), &shape));
    Tensor *output, *logSum;
    const TensorShape outputShape({shape.images * shape.tokens, shape.heads * shape.width});
    const TensorShape logSumShape({shape.images, shape.heads, shape.tokens});
    OP_REQUIRES_OK(context, context->allocate_output(0, outputShape, &output));
    OP_REQUIRES_OK(context, context->allocate_output(1, logSumShape, &logSum));
    Stored<T>::Kernels().forward.attention(ThreadsOf(context), shape, Values<T>(qkv), Values<T>(output), Values(logSum));
  }

 private:
  AttentionLayout layout_;
};

template <typename T>
class AttentionGradOp : public OpKernel {
 public:
  explicit AttentionGradOp(OpKernelConstruction* construction) : OpKernel(construction), layout_(construction) {}
  void Compute(OpKernelContext* context) override {
    const Tensor &outputGrad = context->input(0), &qkv = context->input(1);
    const Tensor &output = context->input(5), &logSum = context->input(6);
    AttentionShape shape;
    REQUIRE(context, layout_.Read(qkv, context->input(2), context->input(3), context->input(4), &shape));
    REQUIRE(context, 3 * output.NumElements() == qkv.NumElements());
    REQUIRE(context, outputGrad.NumElements() == output.NumElements());
    REQUIRE(context, logSum.NumElements() == shape.images * shape.heads * shape.tokens);
    Tensor* qkvGrad;
    OP_REQUIRES_OK(context, context->allocate_output(0, qkv.shape(), &qkvGrad));
    Stored<T>::Kernels().gradient.attention(ThreadsOf(context), shape, Values<T>(outputGrad), Values<T>(qkv), Values<T>(output),
                                       Values(logSum), Values<T>(qkvGrad));
  }

 private:
  AttentionLayout layout_;
};

REGISTER_FOR_TYPES("NotebookLayerNorm", LayerNormOp)
REGISTER_FOR_TYPES("NotebookLayerNormGrad", LayerNormGradOp)
REGISTER_FOR_TYPES("NotebookBiasGelu", BiasGeluOp)
REGISTER_FOR_TYPES("NotebookBiasGeluGrad", BiasGeluGradOp)
REGISTER_FOR_TYPES("NotebookBiasResidual", BiasResidualOp)
REGISTER_FOR_TYPES("NotebookBiasResidualGrad", BiasResidualGradOp)
REGISTER_FOR_TYPES("NotebookSumRows", SumRowsOp)
REGISTER_FOR_TYPES("NotebookAttention", AttentionOp)
REGISTER_FOR_TYPES("NotebookAttentionGrad", AttentionGradOp)

}  // namespace notebooks
