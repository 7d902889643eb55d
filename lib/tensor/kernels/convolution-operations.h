// Operations between convolutions: batch norm with what follows it, and pooling.
#pragma once
#include <vector>

#include "operation.h"

namespace notebooks {

// An empty residual stands for none.
REGISTER_OP("NotebookChannelAffine")
    .Input("x: T").Input("scale: float").Input("offset: float").Input("residual: T")
    .Output("output: T").Attr("relu: bool").FLOAT_OR_BFLOAT16.UNKNOWN_SHAPE;

template <typename T>
class ChannelAffineOp : public OpKernel {
 public:
  explicit ChannelAffineOp(OpKernelConstruction* construction) : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("relu", &relu_));
  }
  void Compute(OpKernelContext* context) override {
    const Tensor &x = context->input(0), &scale = context->input(1), &offset = context->input(2);
    const Tensor& residual = context->input(3);
    Rows rows;
    REQUIRE(context, ReadRows(x, &rows));
    REQUIRE(context, scale.NumElements() == rows.width && offset.NumElements() == rows.width);
    REQUIRE(context, residual.NumElements() == 0 || residual.NumElements() == x.NumElements());
    Tensor* output;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &output));
    Stored<T>::Kernels().convolution.channelAffine(ThreadsOf(context), rows.count, rows.width, Values<T>(x), Values(scale),
                                              Values(offset), residual.NumElements() == 0 ? nullptr : Values<T>(residual),
                                              relu_, Values<T>(output));
  }

 private:
  bool relu_;
};

// Running statistics are updated as PyTorch does, with the unbiased variance.
REGISTER_OP("NotebookBatchNorm")
    .Input("x: T").Input("scale: float").Input("offset: float").Input("running_mean: float")
    .Input("running_variance: float").Input("residual: T")
    .Output("output: T").Output("new_mean: float").Output("new_variance: float").Output("mean: float")
    .Output("inverse_deviation: float")
    .Attr("epsilon: float").Attr("momentum: float").Attr("relu: bool").FLOAT_OR_BFLOAT16.UNKNOWN_SHAPE;

template <typename T>
class BatchNormOp : public OpKernel {
 public:
  explicit BatchNormOp(OpKernelConstruction* construction) : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("epsilon", &epsilon_));
    OP_REQUIRES_OK(construction, construction->GetAttr("momentum", &momentum_));
    OP_REQUIRES_OK(construction, construction->GetAttr("relu", &relu_));
  }
  void Compute(OpKernelContext* context) override {
    const Tensor &x = context->input(0), &scale = context->input(1), &offset = context->input(2);
    const Tensor &runningMean = context->input(3), &runningVariance = context->input(4), &residual = context->input(5);
    Rows rows;
    REQUIRE(context, ReadRows(x, &rows) && rows.count > 0);
    REQUIRE(context, scale.NumElements() == rows.width && offset.NumElements() == rows.width);
    REQUIRE(context, runningMean.NumElements() == rows.width && runningVariance.NumElements() == rows.width);
    REQUIRE(context, residual.NumElements() == 0 || residual.NumElements() == x.NumElements());
    Tensor* outputs[5];
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &outputs[0]));
    for (int index = 1; index < 5; index++)
      OP_REQUIRES_OK(context, context->allocate_output(index, TensorShape({rows.width}), &outputs[index]));
    float* statistics[5];
    for (int index = 1; index < 5; index++) statistics[index] = Values(outputs[index]);
    std::vector<float> variance(rows.width);
    const auto& kernels = Stored<T>::Kernels().convolution;
    kernels.batchStatistics(ThreadsOf(context), rows.count, rows.width, Values<T>(x), epsilon_, statistics[3], variance.data(),
                            statistics[4]);
    const double unbiased = rows.count > 1 ? static_cast<double>(rows.count) / (rows.count - 1) : 1;
    for (int64_t column = 0; column < rows.width; column++) {
      statistics[1][column] = (1 - momentum_) * Values(runningMean)[column] + momentum_ * statistics[3][column];
      statistics[2][column] = (1 - momentum_) * Values(runningVariance)[column] + momentum_ * (variance[column] * unbiased);
    }
    kernels.normalize(ThreadsOf(context), rows.count, rows.width, Values<T>(x),
                      {Values(scale), Values(offset), statistics[3], statistics[4]},
                      residual.NumElements() == 0 ? nullptr : Values<T>(residual), relu_,
                      Values<T>(outputs[0]));
  }

 private:
  float epsilon_, momentum_;
  bool relu_;
};

// The output of NotebookBatchNorm without a residual, bit for bit, from what its gradient keeps: computed again instead of kept as well.
REGISTER_OP("NotebookNormalize")
    .Input("x: T").Input("scale: float").Input("offset: float").Input("mean: float").Input("inverse_deviation: float")
    .Output("output: T").Attr("relu: bool").FLOAT_OR_BFLOAT16.UNKNOWN_SHAPE;

template <typename T>
class NormalizeOp : public OpKernel {
 public:
  explicit NormalizeOp(OpKernelConstruction* construction) : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("relu", &relu_));
  }
  void Compute(OpKernelContext* context) override {
    const Tensor &x = context->input(0), &scale = context->input(1), &offset = context->input(2);
    const Tensor &mean = context->input(3), &inverse = context->input(4);
    Rows rows;
    REQUIRE(context, ReadRows(x, &rows));
    REQUIRE(context, scale.NumElements() == rows.width && offset.NumElements() == rows.width);
    REQUIRE(context, mean.NumElements() == rows.width && inverse.NumElements() == rows.width);
    Tensor* output;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &output));
    const ChannelNorm norm = {Values(scale), Values(offset), Values(mean), Values(inverse)};
    Stored<T>::Kernels().convolution.normalize(ThreadsOf(context), rows.count, rows.width, Values<T>(x), norm, nullptr, relu_,
                                          Values<T>(output));
  }

 private:
  bool relu_;
};

// `output` is used with ReLU and a residual only, else may be empty; without a residual, its gradient is empty.
REGISTER_OP("NotebookBatchNormGrad")
    .Input("output_gradient: T").Input("x: T").Input("scale: float").Input("offset: float").Input("mean: float")
    .Input("inverse_deviation: float").Input("output: T")
    .Output("x_gradient: T").Output("scale_gradient: float").Output("offset_gradient: float")
    .Output("residual_gradient: T")
    .Attr("relu: bool").Attr("residual: bool").FLOAT_OR_BFLOAT16.UNKNOWN_SHAPE;

template <typename T>
class BatchNormGradOp : public OpKernel {
 public:
  explicit BatchNormGradOp(OpKernelConstruction* construction) : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("relu", &relu_));
    OP_REQUIRES_OK(construction, construction->GetAttr("residual", &residual_));
  }
  void Compute(OpKernelContext* context) override {
    const Tensor &outputGrad = context->input(0), &x = context->input(1), &scale = context->input(2);
    const Tensor &offset = context->input(3), &mean = context->input(4), &inverse = context->input(5);
    const Tensor& output = context->input(6);
    Rows rows;
    REQUIRE(context, ReadRows(x, &rows) && rows.count > 0);
    REQUIRE(context, outputGrad.NumElements() == x.NumElements());
    REQUIRE(context, scale.NumElements() == rows.width && offset.NumElements() == rows.width);
    REQUIRE(context, mean.NumElements() == rows.width && inverse.NumElements() == rows.width);
    REQUIRE(context, output.NumElements() == x.NumElements() || (output.NumElements() == 0 && !(relu_ && residual_)));
    Tensor *xGrad, *scaleGrad, *offsetGrad, *residualGrad;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &xGrad));
    OP_REQUIRES_OK(context, context->allocate_output(1, scale.shape(), &scaleGrad));
    OP_REQUIRES_OK(context, context->allocate_output(2, scale.shape(), &offsetGrad));
    OP_REQUIRES_OK(context, context->allocate_output(3, residual_ ? x.shape() : TensorShape({0}), &residualGrad));
    const ChannelNorm norm = {Values(scale), Values(offset), Values(mean), Values(inverse)};
    Stored<T>::Kernels().convolution.batchNormGrad(ThreadsOf(context), rows.count, rows.width, Values<T>(outputGrad), Values<T>(x), norm,
                                              relu_ && residual_ ? Values<T>(output) : nullptr, relu_, Values<T>(xGrad),
                                              Values(scaleGrad), Values(offsetGrad),
                                              residual_ ? Values<T>(residualGrad) : nullptr);
  }

 private:
  bool relu_, residual_;
};

REGISTER_OP("NotebookMaxPool")
    .Input("x: T").Output("output: T").Output("winner: int32")
    .Attr("size: int").Attr("stride: int").Attr("padding: int").FLOAT_OR_BFLOAT16.UNKNOWN_SHAPE;
REGISTER_OP("NotebookMaxPoolGrad")
    .Input("output_gradient: T").Input("winner: int32").Output("x_gradient: T")
    .Attr("size: int").Attr("stride: int").Attr("padding: int").Attr("height: int").Attr("width: int").FLOAT_OR_BFLOAT16.UNKNOWN_SHAPE;

// The attributes of a pooling, and its shape for an input.
struct PoolLayout {
  int64_t size, stride, padding;

  explicit PoolLayout(OpKernelConstruction* construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("size", &size));
    OP_REQUIRES_OK(construction, construction->GetAttr("stride", &stride));
    OP_REQUIRES_OK(construction, construction->GetAttr("padding", &padding));
    OP_REQUIRES(construction, size > 0 && stride > 0 && padding >= 0 && 2 * padding <= size,
                InvalidArgument("Pooling needs size and stride above 0, and a padding of at most half the size."));
  }

  // Of images × channels values, each of height × width.
  bool Shape(int64_t images, int64_t height, int64_t width, int64_t channels, PoolShape* shape) const {
    if (height + 2 * padding < size || width + 2 * padding < size) return false;
    *shape = {images, height, width, channels, (height + 2 * padding - size) / stride + 1,
              (width + 2 * padding - size) / stride + 1, size, stride, padding};
    return true;
  }
};

template <typename T>
class MaxPoolOp : public OpKernel {
 public:
  explicit MaxPoolOp(OpKernelConstruction* construction) : OpKernel(construction), layout_(construction) {}
  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    PoolShape shape;
    REQUIRE(context, x.dims() == 4);
    REQUIRE(context, layout_.Shape(x.dim_size(0), x.dim_size(1), x.dim_size(2), x.dim_size(3), &shape));
    Tensor *output, *winner;
    const TensorShape outputShape({shape.images, shape.outputHeight, shape.outputWidth, shape.channels});
    OP_REQUIRES_OK(context, context->allocate_output(0, outputShape, &output));
    OP_REQUIRES_OK(context, context->allocate_output(1, outputShape, &winner));
    Stored<T>::Kernels().convolution.maxPool(ThreadsOf(context), shape, Values<T>(x), Values<T>(output), Values<int32_t>(winner));
  }

 private:
  PoolLayout layout_;
};

template <typename T>
class MaxPoolGradOp : public OpKernel {
 public:
  explicit MaxPoolGradOp(OpKernelConstruction* construction) : OpKernel(construction), layout_(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("height", &height_));
    OP_REQUIRES_OK(construction, construction->GetAttr("width", &width_));
  }
  void Compute(OpKernelContext* context) override {
    const Tensor &outputGrad = context->input(0), &winner = context->input(1);
    PoolShape shape;
    REQUIRE(context, outputGrad.dims() == 4 && winner.shape() == outputGrad.shape());
    REQUIRE(context, layout_.Shape(outputGrad.dim_size(0), height_, width_, outputGrad.dim_size(3), &shape));
    REQUIRE(context, outputGrad.dim_size(1) == shape.outputHeight && outputGrad.dim_size(2) == shape.outputWidth);
    Tensor* xGrad;
    const TensorShape xShape({shape.images, height_, width_, shape.channels});
    OP_REQUIRES_OK(context, context->allocate_output(0, xShape, &xGrad));
    Stored<T>::Kernels().convolution.maxPoolGrad(ThreadsOf(context), shape, Values<T>(outputGrad), Values<int32_t>(winner),
                                            Values<T>(xGrad));
  }

 private:
  int64_t height_, width_;
  PoolLayout layout_;
};

REGISTER_OP("NotebookFilterGradient")
    .Input("x: T").Input("output_gradient: T").Output("filter_gradient: T")
    .Attr("rows: int").Attr("columns: int").Attr("stride: int").Attr("top: int").Attr("left: int").FLOAT_OR_BFLOAT16.UNKNOWN_SHAPE;

template <typename T>
class FilterGradientOp : public OpKernel {
 public:
  explicit FilterGradientOp(OpKernelConstruction* construction) : OpKernel(construction) {
    OP_REQUIRES_OK(construction, construction->GetAttr("rows", &rows_));
    OP_REQUIRES_OK(construction, construction->GetAttr("columns", &columns_));
    OP_REQUIRES_OK(construction, construction->GetAttr("stride", &stride_));
    OP_REQUIRES_OK(construction, construction->GetAttr("top", &top_));
    OP_REQUIRES_OK(construction, construction->GetAttr("left", &left_));
  }
  void Compute(OpKernelContext* context) override {
    const Tensor &x = context->input(0), &outputGrad = context->input(1);
    REQUIRE(context, x.dims() == 4 && outputGrad.dims() == 4 && x.dim_size(0) == outputGrad.dim_size(0));
    REQUIRE(context, x.NumElements() > 0 && outputGrad.NumElements() > 0);
    REQUIRE(context, rows_ > 0 && columns_ > 0 && stride_ > 0 && top_ >= 0 && left_ >= 0);
    REQUIRE(context, x.dim_size(3) % 16 == 0 && outputGrad.dim_size(3) % 32 == 0);
    Tensor* filterGrad;
    const TensorShape filterShape({rows_, columns_, x.dim_size(3), outputGrad.dim_size(3)});
    OP_REQUIRES_OK(context, context->allocate_output(0, filterShape, &filterGrad));
    const ConvolutionShape shape = {x.dim_size(0),          x.dim_size(1),          x.dim_size(2), x.dim_size(3),
                                    outputGrad.dim_size(1), outputGrad.dim_size(2), outputGrad.dim_size(3),
                                    rows_, columns_, stride_, top_, left_};
    Stored<T>::Kernels().convolution.filterGradient(ThreadsOf(context), shape, Values<T>(x), Values<T>(outputGrad),
                                                    Values<T>(filterGrad));
  }

 private:
  int64_t rows_, columns_, stride_, top_, left_;
};

REGISTER_FOR_TYPES("NotebookChannelAffine", ChannelAffineOp)
REGISTER_FOR_TYPES("NotebookBatchNorm", BatchNormOp)
REGISTER_FOR_TYPES("NotebookBatchNormGrad", BatchNormGradOp)
REGISTER_FOR_TYPES("NotebookNormalize", NormalizeOp)
REGISTER_FOR_TYPES("NotebookMaxPool", MaxPoolOp)
REGISTER_FOR_TYPES("NotebookMaxPoolGrad", MaxPoolGradOp)
REGISTER_FOR_TYPES("NotebookFilterGradient", FilterGradientOp)

}  // namespace notebooks
