// Multi-head self-attention (Vaswani et al. 2017) of a whole block: from the product with the weights of queries, keys and values to the
// heads' outputs side by side. Bias, rotary positions (Su et al. 2021), scale, softmax and both products of a head happen in the caches;
// scores are never written to memory, so that it grows with the number of tokens and not with its square (Dao et al. 2022).
#pragma once
#include "matmul.h"
#include "parallel.h"

namespace notebooks {
namespace {

// Queries (times 1/√width), keys and values of one head as rows of `stride` values; the padding is 0.
template <typename T>
void LoadHead(const AttentionShape& shape, const T* qkv, int64_t image, int64_t head, int64_t stride, float* q, float* k,
              float* v) {
  const int64_t channels = shape.heads * shape.width;
  float* targets[3] = {q, k, v};
  for (int part = 0; part < 3; part++) {
    const int64_t first = part * channels + head * shape.width;
    const float factor = part == 0 ? 1 / sqrtf(static_cast<float>(shape.width)) : 1.0f;
    for (int64_t token = 0; token < shape.tokens; token++) {
      const T* from = qkv + (image * shape.tokens + token) * 3 * channels + first;
      float* to = targets[part] + token * stride;
      ForEachVector(shape.width, [&](int64_t at, int count) {
        Vector value = LoadSome(from + at, count);
        if (shape.bias != nullptr) value += LoadSome(shape.bias + first + at, count);
        Store(to + at, value * factor);
      });
      const int64_t patch = token - (shape.tokens - shape.rotated);
      if (part == 2 || patch < 0) continue;
      const int64_t half = shape.width / 2;
      const float* sine = shape.sine + patch * shape.width;
      const float* cosine = shape.cosine + patch * shape.width;
      for (int64_t at = 0; at < half; at++) {
        const float a = to[at], b = to[at + half];
        to[at] = a * cosine[at] - b * sine[at];
        to[at + half] = b * cosine[at + half] + a * sine[at + half];
      }
    }
  }
}

// Rows of scores that are worked on at once: as many as fit in a part of the second-level cache.
inline int64_t BlockRows(int64_t tokens, int64_t paddedTokens) {
  const int64_t fitting = (1 << 16) / paddedTokens;
  const int64_t rows = fitting < kTileRows ? kTileRows : fitting / kTileRows * kTileRows;
  return rows < tokens ? rows : tokens;
}

template <typename T>
void Attention(const Threads& threads, const AttentionShape& shape, const T* qkv, T* output, float* logSum) {
  const int64_t tokens = shape.tokens, width = shape.width, channels = shape.heads * width;
  const int64_t stride = RoundUp(width), padded = RoundUp(tokens), block = BlockRows(tokens, padded);
  // In bfloat16 both products are of pairs: their sums are float all the same.
  constexpr bool kPairs = kHasPairs && sizeof(T) == sizeof(bfloat16);
  constexpr int kShare = kPairs ? 2 : 1;
  Parallel(threads, shape.images * shape.heads, tokens * tokens * width / 8, [&](int64_t begin, int64_t end) {
    Scratch<float> memory((3 * tokens + 1) * stride + stride * padded + block * (padded + stride + 1) + kWidth);
    float* q = memory.data();
    float* k = q + tokens * stride;
    float* v = k + tokens * stride;
    float* keys = v + (tokens + 1) * stride;  // width × tokens; before it, a row of zeros
    float* scores = keys + stride * padded;
    float* mixed = scores + block * padded;
    float* inverses = mixed + block * stride;
    for (int64_t unit = begin; unit < end; unit++) {
      const int64_t image = unit / shape.heads, head = unit % shape.heads;
      LoadHead(shape, qkv, image, head, stride, q, k, v);
      if constexpr (kPairs) {
        for (int64_t token = 0; token < tokens; token++) {
          PackPairs(q + token * stride, stride, q + token * stride);
          PackPairs(k + token * stride, stride, k + token * stride);
        }
        for (int64_t token = 0; token < tokens; token += 2)
          PackRows(v + token * stride, v + (token + 1) * stride, stride, v + token / 2 * stride);
      }
      Transpose(tokens, stride / kShare, k, stride, keys, padded);
      for (int64_t first = 0; first < tokens; first += block) {
        const int64_t rows = tokens - first < block ? tokens - first : block;
        const Strided queries = {q + first * stride, stride, 1};
        Multiply<kPairs>(rows, padded, stride / kShare, queries, keys, padded, scores, padded, false);
        for (int64_t row = 0; row < rows; row++) {
          float* values = scores + row * padded;
          for (int64_t token = tokens; token < padded; token++) values[token] = -INFINITY;
          Vector largest = Load(values);
          for (int64_t at = kWidth; at < padded; at += kWidth) largest = Max(Load(values + at), largest);
          const float most = Largest(largest);
          Vector sums = {};
          for (int64_t at = 0; at < padded; at += kWidth) {
            const Vector exponential = Exp(Load(values + at) - most);
            sums += exponential;
            Store(values + at, exponential);
          }
          const float sum = Sum(sums);
          logSum[unit * tokens + first + row] = most + logf(sum);
          inverses[row] = 1 / sum;
          if constexpr (kPairs) PackPairs(values, padded, values);
        }
        const int64_t depth = (tokens + kShare - 1) / kShare;
        Multiply<kPairs>(rows, stride, depth, {scores, padded, 1}, v, stride, mixed, stride, false);
        for (int64_t row = 0; row < rows; row++) {
          T* to = output + (image * tokens + first + row) * channels + head * width;
          ForEachVector(width, [&](int64_t at, int count) {
            StoreSome(to + at, Load(mixed + row * stride + at) * inverses[row], count);
          });
        }
      }
    }
  });
}

// Rows in pairs, one above the other; after the last of an odd number there are zeros.
inline void PackAllRows(int64_t rows, int64_t stride, const float* from, const float* zeros, float* to) {
  for (int64_t row = 0; row < rows; row += 2)
    PackRows(from + row * stride, row + 1 < rows ? from + (row + 1) * stride : zeros, stride, to + row / 2 * stride);
}

// The gradient of qkv; scores are computed again from logSum. In bfloat16 all five products are of pairs: along the depth of each, that is
// along the width of a head where scores come out, and along tokens where these go in.
template <typename T>
void AttentionGrad(const Threads& threads, const AttentionShape& shape, const T* outputGrad, const T* qkv, const T* output,
                   const float* logSum, T* qkvGrad) {
  const int64_t tokens = shape.tokens, width = shape.width, channels = shape.heads * width;
  const int64_t stride = RoundUp(width), padded = RoundUp(tokens), block = BlockRows(tokens, padded);
  constexpr bool kPairs = kHasPairs && sizeof(T) == sizeof(bfloat16);
  constexpr int kShare = kPairs ? 2 : 1;
  const int64_t pairs = kPairs ? (tokens + 1) / 2 : 0, blockPairs = kPairs ? (block + 1) / 2 : 0;
  Parallel(threads, shape.images * shape.heads, tokens * tokens * width / 3, [&](int64_t begin, int64_t end) {
    Scratch<float> memory(7 * tokens * stride + 2 * stride * padded + 2 * block * padded + 3 * pairs * stride +
                          2 * blockPairs * padded + padded + stride + tokens + kWidth);
    float* q = memory.data();
    float* k = q + tokens * stride;
    float* v = k + tokens * stride;
    float* grad = v + tokens * stride;
    float* qGrad = grad + tokens * stride;
    float* kGrad = qGrad + tokens * stride;
    float* vGrad = kGrad + tokens * stride;
    float* keys = vGrad + tokens * stride;
    float* valuesTurned = keys + stride * padded;
    float* weights = valuesTurned + stride * padded;
    float* scoreGrad = weights + block * padded;
    float* alongOutput = scoreGrad + block * padded;
    float* qRows = alongOutput + RoundUp(tokens);
    float* kRows = qRows + pairs * stride;
    float* gradRows = kRows + pairs * stride;
    float* weightRows = gradRows + pairs * stride;
    float* scoreRows = weightRows + blockPairs * padded;
    const float* zeros = scoreRows + blockPairs * padded;  // of a row
    for (int64_t unit = begin; unit < end; unit++) {
      const int64_t image = unit / shape.heads, head = unit % shape.heads;
      LoadHead(shape, qkv, image, head, stride, q, k, v);
      for (int64_t token = 0; token < tokens; token++) {
        const int64_t start = (image * tokens + token) * channels + head * width;
        Vector sums = {};
        ForEachVector(width, [&](int64_t at, int count) {
          const Vector gradient = LoadSome(outputGrad + start + at, count);
          sums = MultiplyAdd(gradient, LoadSome(output + start + at, count), sums);
          Store(grad + token * stride + at, gradient);
        });
        alongOutput[token] = Sum(sums);
      }
      if constexpr (kPairs) {
        PackAllRows(tokens, stride, q, zeros, qRows);
        PackAllRows(tokens, stride, k, zeros, kRows);
        PackAllRows(tokens, stride, grad, zeros, gradRows);
        float* const factors[4] = {q, k, v, grad};
        for (float* rows : factors)
          for (int64_t token = 0; token < tokens; token++) PackPairs(rows + token * stride, stride, rows + token * stride);
      }
      const int64_t depth = kPairs ? stride / kShare : width;
      Transpose(tokens, depth, k, stride, keys, padded);
      Transpose(tokens, depth, v, stride, valuesTurned, padded);
      for (int64_t first = 0; first < tokens; first += block) {
        const int64_t rows = tokens - first < block ? tokens - first : block;
        const bool more = first > 0;
        Multiply<kPairs>(rows, padded, depth, {q + first * stride, stride, 1}, keys, padded, weights, padded, false);
        Multiply<kPairs>(rows, padded, depth, {grad + first * stride, stride, 1}, valuesTurned, padded, scoreGrad, padded, false);
        for (int64_t row = 0; row < rows; row++) {
          float* weight = weights + row * padded;
          float* gradient = scoreGrad + row * padded;
          const float logarithm = logSum[unit * tokens + first + row], along = alongOutput[first + row];
          for (int64_t at = 0; at < padded; at += kWidth) {
            const Vector value = Exp(Load(weight + at) - logarithm);
            Store(weight + at, value);
            Store(gradient + at, value * (Load(gradient + at) - along));
          }
          if (kPairs) for (int64_t token = tokens; token < padded; token++) gradient[token] = 0;
        }
        if constexpr (kPairs) {
          PackAllRows(rows, padded, weights, zeros, weightRows);
          PackAllRows(rows, padded, scoreGrad, zeros, scoreRows);
          for (int64_t row = 0; row < rows; row++) PackPairs(scoreGrad + row * padded, padded, scoreGrad + row * padded);
          const int64_t own = first / 2 * stride, half = (rows + 1) / 2;  // a block begins with an even row
          Multiply<true>(tokens, stride, half, {weightRows, 1, padded}, gradRows + own, stride, vGrad, stride, more);
          Multiply<true>(rows, stride, pairs, {scoreGrad, padded, 1}, kRows, stride, qGrad + first * stride, stride, false);
          Multiply<true>(tokens, stride, half, {scoreRows, 1, padded}, qRows + own, stride, kGrad, stride, more);
          continue;
        }
        Multiply(tokens, stride, rows, {weights, 1, padded}, grad + first * stride, stride, vGrad, stride, more);
        Multiply(rows, stride, tokens, {scoreGrad, padded, 1}, k, stride, qGrad + first * stride, stride, false);
        Multiply(tokens, stride, rows, {scoreGrad, 1, padded}, q + first * stride, stride, kGrad, stride, more);
      }
      float* gradients[3] = {qGrad, kGrad, vGrad};
      const float factor = 1 / sqrtf(static_cast<float>(width));
      for (int part = 0; part < 3; part++) {
        for (int64_t token = 0; token < tokens; token++) {
          float* from = gradients[part] + token * stride;
          const int64_t patch = token - (tokens - shape.rotated);
          if (part < 2 && patch >= 0) {
            const int64_t half = width / 2;
            const float* sine = shape.sine + patch * width;
            const float* cosine = shape.cosine + patch * width;
            for (int64_t at = 0; at < half; at++) {
              const float a = from[at], b = from[at + half];
              from[at] = a * cosine[at] + b * sine[at + half];
              from[at + half] = b * cosine[at + half] - a * sine[at];
            }
          }
          T* to = qkvGrad + (image * tokens + token) * 3 * channels + part * channels + head * width;
          // q already holds the scale, so the gradient of k needs none.
          const float times = part == 0 ? factor : 1.0f;
          ForEachVector(width, [&](int64_t at, int count) { StoreSome(to + at, Load(from + at) * times, count); });
        }
      }
    }
  });
}

}  // namespace
}  // namespace notebooks
