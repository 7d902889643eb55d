// The gradient of a convolution's filter: for each tap a product of the image, shifted, with the output's gradient, added up over all
// positions. Values of two images at the same position make a pair, so that any shift and stride leaves pairs whole.
#pragma once
#include "matmul.h"
#include "parallel.h"

namespace notebooks {
namespace {

// Where there are no products of pairs, the two images' values stand one after the other.
template <typename T>
constexpr bool kInPairs = kHasPairs && sizeof(T) == sizeof(bfloat16);
template <typename T>
constexpr int kParts = kInPairs<T> ? 1 : 2;
template <typename T>
constexpr int64_t kPlace = kParts<T> * kWidth;  // floats, for a vector of channels at a position
constexpr int kFilterVectors = 2;
constexpr int64_t kFilterBlock = kFilterVectors * kWidth;
constexpr int kChannelRows = kWidth == 16 ? 8 : 4;
// Positions whose packed values stay in the second cache; tasks for as many threads.
constexpr int64_t kBandPositions = 1024, kTasks = 16;

// A vector of both images at one position; `second` is null after the last image.
template <typename T>
inline void PackPlace(const T* first, const T* second, float* to) {
  if constexpr (!kInPairs<T>) {
    Store(to, Load(first));
    Store(to + kWidth, second == nullptr ? Vector{} : Load(second));
  } else {
    const BitVector low = reinterpret_cast<BitVector>(Load(first)) >> 16;
    const BitVector high = second == nullptr ? BitVector{} : reinterpret_cast<BitVector>(Load(second));
    Store(to, reinterpret_cast<Vector>(low | high));
  }
}

// sums (kChannelRows × kFilterBlock, rows `filters` apart) += Σ over rows × columns of positions.
template <typename T>
inline void AddPositions(int64_t rows, int64_t columns, const float* x, int64_t xRow, int64_t xColumn, const float* gradient,
                         float* sums, int64_t filters) {
  Vector total[kChannelRows][kFilterVectors];
#pragma GCC unroll 8
  for (int channel = 0; channel < kChannelRows; channel++) {
#pragma GCC unroll 2
    for (int vector = 0; vector < kFilterVectors; vector++)
      total[channel][vector] = Load(sums + channel * filters + vector * kWidth);
  }
  for (int64_t row = 0; row < rows; row++) {
    const float* place = x + row * xRow;
    for (int64_t column = 0; column < columns; column++, place += xColumn) {
#pragma GCC unroll 2
      for (int part = 0; part < kParts<T>; part++) {
        Vector factors[kFilterVectors];
#pragma GCC unroll 2
        for (int vector = 0; vector < kFilterVectors; vector++)
          factors[vector] = Load(gradient + vector * kPlace<T> + part * kWidth);
#pragma GCC unroll 8
        for (int channel = 0; channel < kChannelRows; channel++) {
          const Vector value = Broadcast(place[part * kWidth + channel]);
#pragma GCC unroll 2
          for (int vector = 0; vector < kFilterVectors; vector++)
            total[channel][vector] = AddProduct<kInPairs<T>>(total[channel][vector], value, factors[vector]);
        }
      }
      gradient += kFilterVectors * kPlace<T>;
    }
  }
#pragma GCC unroll 8
  for (int channel = 0; channel < kChannelRows; channel++) {
#pragma GCC unroll 2
    for (int vector = 0; vector < kFilterVectors; vector++)
      Store(sums + channel * filters + vector * kWidth, total[channel][vector]);
  }
}

// x: images × height × width × channels, outputGrad: images × outputHeight × outputWidth × filters; filterGrad: tapRows × tapColumns ×
// channels × filters. Channels are a multiple of kWidth, filters of kFilterBlock.
template <typename T>
void FilterGradient(const Threads& threads, const ConvolutionShape& shape, const T* x, const T* outputGrad, T* filterGrad) {
  const int64_t pairs = (shape.images + 1) / 2, taps = shape.tapRows * shape.tapColumns;
  const int64_t blocks = shape.filters / kFilterBlock, values = taps * shape.channels * shape.filters;
  const int64_t wanted = kBandPositions / shape.outputWidth;
  const int64_t bandRows = wanted < 1 ? 1 : wanted < shape.outputHeight ? wanted : shape.outputHeight;
  const int64_t bands = (shape.outputHeight + bandRows - 1) / bandRows, units = pairs * bands;
  // Chunks of positions have sums of their own, which are added in order: the same bits whatever the number of threads.
  const int64_t most = (kTasks + blocks - 1) / blocks, chunks = most < units ? most : units;
  const int64_t packedColumns = (shape.outputWidth - 1) * shape.stride + shape.tapColumns;
  const int64_t packedRows = (bandRows - 1) * shape.stride + shape.tapRows;
  Scratch<float> sums(chunks * values);
  const int64_t cost = units * bandRows * shape.outputWidth * taps * shape.channels / chunks;
  Parallel(threads, chunks * blocks, cost, [&](int64_t begin, int64_t end) {
    Scratch<float> image(packedRows * packedColumns * kPlace<T>);
    Scratch<float> gradient(bandRows * shape.outputWidth * kFilterVectors * kPlace<T>);
    for (int64_t task = begin; task < end; task++) {
      const int64_t chunk = task / blocks, filter = task % blocks * kFilterBlock;
      for (int64_t unit = chunk * units / chunks; unit < (chunk + 1) * units / chunks; unit++) {
        const int64_t first = unit / bands * 2, top = unit % bands * bandRows;
        const int64_t rows = shape.outputHeight - top < bandRows ? shape.outputHeight - top : bandRows;
        const bool hasSecond = first + 1 < shape.images;
        const int64_t outputs = shape.outputHeight * shape.outputWidth * shape.filters;
        const T* from = outputGrad + first * outputs + top * shape.outputWidth * shape.filters + filter;
        float* to = gradient.data();
        for (int64_t position = 0; position < rows * shape.outputWidth; position++, from += shape.filters) {
          for (int vector = 0; vector < kFilterVectors; vector++, to += kPlace<T>)
            PackPlace(from + vector * kWidth, hasSecond ? from + outputs + vector * kWidth : nullptr, to);
        }
        const int64_t inputs = shape.height * shape.width * shape.channels;
        const int64_t imageRows = (rows - 1) * shape.stride + shape.tapRows;
        for (int64_t channel = 0; channel < shape.channels; channel += kWidth) {
          for (int64_t row = 0; row < imageRows; row++) {
            const int64_t y = top * shape.stride + row - shape.paddingTop;
            for (int64_t column = 0; column < packedColumns; column++) {
              const int64_t left = column - shape.paddingLeft;
              float* place = image.data() + (row * packedColumns + column) * kPlace<T>;
              if (y < 0 || y >= shape.height || left < 0 || left >= shape.width) {
                memset(place, 0, kPlace<T> * sizeof(float));
                continue;
              }
              const T* pixel = x + first * inputs + (y * shape.width + left) * shape.channels + channel;
              PackPlace(pixel, hasSecond ? pixel + inputs : nullptr, place);
            }
          }
          for (int64_t tap = 0; tap < taps; tap++) {
            const int64_t shift = tap / shape.tapColumns * packedColumns + tap % shape.tapColumns;
            for (int64_t part = 0; part < kWidth; part += kChannelRows)
              AddPositions<T>(rows, shape.outputWidth, image.data() + shift * kPlace<T> + part,
                           shape.stride * packedColumns * kPlace<T>, shape.stride * kPlace<T>, gradient.data(),
                           sums.data() + chunk * values + (tap * shape.channels + channel + part) * shape.filters + filter,
                           shape.filters);
          }
        }
      }
    }
  });
  ForEachVectorInParallel(threads, values, chunks, [&](int64_t position, int lanes) {
    Vector total = LoadSome(sums.data() + position, lanes);
    for (int64_t chunk = 1; chunk < chunks; chunk++) total += LoadSome(sums.data() + chunk * values + position, lanes);
    StoreSome(filterGrad + position, total, lanes);
  });
}

}  // namespace
}  // namespace notebooks
