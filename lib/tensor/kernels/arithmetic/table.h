// What the arithmetic offers to those who register it with TensorFlow: plain types and pointers to functions, so that neither side needs
// the other's headers. There is a table for each level, by which is meant a set of instructions that the compiler may use.
#pragma once
#include <stdint.h>

namespace notebooks {

// As it is in memory: the upper half of a float's bits.
struct bfloat16 {
  uint16_t bits;
};

// Somebody else's threads.
struct Threads {
  void* pool;
  // Calls `work(argument, begin, end)` for parts of 0 … total and returns when all are done. `cost`: nanoseconds for one unit, roughly.
  void (*run)(void* pool, int64_t total, int64_t cost, void (*work)(void* argument, int64_t begin, int64_t end), void* argument);
};

struct AttentionShape {
  int64_t images, tokens, heads, width;  // width: of one head
  int64_t rotated;                       // the last so many tokens have rotary positions
  const float* bias;                     // 3 · heads · width, or null
  const float* sine;                     // rotated × width
  const float* cosine;
};

struct PoolShape {
  int64_t images, height, width, channels, outputHeight, outputWidth, size, stride, padding;
};

struct ConvolutionShape {
  int64_t images, height, width, channels, outputHeight, outputWidth, filters, tapRows, tapColumns, stride;
  int64_t paddingTop, paddingLeft;
};

// A batch norm's channels, each `width` values.
struct ChannelNorm {
  const float *scale, *offset, *mean, *inverseDeviation;
};

struct AdamWStep {
  float keep;  // 1 − learning rate · weight decay
  float beta1, beta2, epsilon;
  float rate;  // learning rate / (1 − β₁ᵗ)
  float root;  // 1 / √(1 − β₂ᵗ)
};

struct AdamWState {
  float *weight, *first, *second;
};

struct SgdStep {
  float rate, decay, momentum;
  bool nesterov;
};

// velocity is null where there is no momentum.
struct SgdState {
  float *weight, *velocity;
};

// What there is for values of type T: float or bfloat16. What is added up, and what belongs to a channel, is float either way.
// x, residual, output: rows × width; scale, offset, bias: width.
template <typename T>
struct ForwardKernels {
  // mean, inverseDeviation: a value a row, for the gradient.
  void (*layerNorm)(const Threads& threads, int64_t rows, int64_t width, const T* x, const float* scale, const float* offset,
                    float epsilon, T* output, float* mean, float* inverseDeviation);
  void (*biasGelu)(const Threads& threads, int64_t rows, int64_t width, const T* x, const float* bias, T* output);
  // scale: null for 1.
  void (*biasResidual)(const Threads& threads, int64_t rows, int64_t width, const T* residual, const T* x, const float* bias,
                       const float* scale, T* output);
  // qkv: images × tokens × 3·heads·width; output: images × tokens × heads·width; logSum (images × heads × tokens): the logarithm of each
  // row's sum of exponentials, for the gradient.
  void (*attention)(const Threads& threads, const AttentionShape& shape, const T* qkv, T* output, float* logSum);
};

template <typename T>
struct GradientKernels {
  void (*layerNorm)(const Threads& threads, int64_t rows, int64_t width, const T* outputGrad, const T* x, const float* scale,
                    const float* mean, const float* inverseDeviation, T* xGrad, float* scaleGrad, float* offsetGrad);
  void (*biasGelu)(const Threads& threads, int64_t rows, int64_t width, const T* outputGrad, const T* x, const float* bias,
                   T* xGrad, float* biasGrad);
  // With a scale; without one, the gradient of x is that of the output.
  void (*biasResidual)(const Threads& threads, int64_t rows, int64_t width, const T* outputGrad, const T* x, const float* bias,
                       const float* scale, T* xGrad, float* biasGrad, float* scaleGrad);
  void (*attention)(const Threads& threads, const AttentionShape& shape, const T* outputGrad, const T* qkv, const T* output,
                    const float* logSum, T* qkvGrad);
  // Of a bias that is added to rows.
  void (*sumRows)(const Threads& threads, int64_t rows, int64_t width, const T* x, float* sums);
};

// x, residual, output: rows × width, of which a row is a pixel.
template <typename T>
struct ConvolutionKernels {
  // x · scale + offset (+ residual), then ReLU or not; residual may be null.
  void (*channelAffine)(const Threads& threads, int64_t rows, int64_t width, const T* x, const float* scale,
                        const float* offset, const T* residual, bool relu, T* output);
  // What a batch makes of its channels: mean, biased variance and 1/√(variance + epsilon).
  void (*batchStatistics)(const Threads& threads, int64_t rows, int64_t width, const T* x, float epsilon, float* mean,
                          float* variance, float* inverseDeviation);
  void (*normalize)(const Threads& threads, int64_t rows, int64_t width, const T* x, const ChannelNorm& norm,
                    const T* residual, bool relu, T* output);
  // `output` (or null) tells where ReLU let nothing through; without it, that is found from x again. residualGrad may be null.
  void (*batchNormGrad)(const Threads& threads, int64_t rows, int64_t width, const T* outputGrad, const T* x,
                        const ChannelNorm& norm, const T* output, bool relu, T* xGrad, float* scaleGrad, float* offsetGrad,
                        T* residualGrad);
  // winner: the place of each output's value in its window, which is all that the gradient needs.
  void (*maxPool)(const Threads& threads, const PoolShape& shape, const T* input, T* output, int32_t* winner);
  void (*maxPoolGrad)(const Threads& threads, const PoolShape& shape, const T* outputGrad, const int32_t* winner,
                      T* inputGrad);
  // Channels are a multiple of 16, filters of 32.
  void (*filterGradient)(const Threads& threads, const ConvolutionShape& shape, const T* x, const T* outputGrad, T* filterGrad);
};

// `to` may be `from`: then they work in place. Weights and what is accumulated are float, whatever the gradient; copy: the new weights
// rounded to bfloat16, or null.
template <typename T>
struct OptimizerKernels {
  void (*adamW)(const Threads& threads, int64_t count, const AdamWStep& step, const AdamWState& from, const AdamWState& to,
                const T* gradient, bfloat16* copy);
  void (*sgd)(const Threads& threads, int64_t count, const SgdStep& step, const SgdState& from, const SgdState& to,
              const T* gradient, bfloat16* copy);
};

template <typename T>
struct TypeKernels {
  ForwardKernels<T> forward;
  GradientKernels<T> gradient;
  ConvolutionKernels<T> convolution;
  OptimizerKernels<T> optimizer;
};

struct Kernels {
  TypeKernels<float> ofFloat;
  TypeKernels<bfloat16> ofBfloat16;
};

}  // namespace notebooks
