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

// Positions of the output that a tap sees inside the image, and the steps between their packed values, in floats.
struct Positions {
  int64_t pairs, rows, columns;
  int64_t xPair, xRow, xColumn;
  int64_t gradientPair, gradientRow;
};

// sums (kChannelRows × kFilterBlock, rows `filters` apart) += Σ over all positions.
template <typename T>
inline void AddPositions(const Positions& at, const float* x, const float* gradient, float* sums, int64_t filters) {
  Vector total[kChannelRows][kFilterVectors];
#pragma GCC unroll 8
  for (int channel = 0; channel < kChannelRows; channel++) {
#pragma GCC unroll 2
    for (int vector = 0; vector < kFilterVectors; vector++)
      total[channel][vector] = Load(sums + channel * filters + vector * kWidth);
  }
  for (int64_t line = 0; line < at.pairs * at.rows; line++) {
    const int64_t pair = line / at.rows, row = line % at.rows;
    const float* value = x + pair * at.xPair + row * at.xRow;
    const float* factor = gradient + pair * at.gradientPair + row * at.gradientRow;
    for (int64_t column = 0; column < at.columns; column++, value += at.xColumn, factor += kFilterVectors * kPlace<T>) {
#pragma GCC unroll 2
      for (int part = 0; part < kParts<T>; part++) {
        Vector factors[kFilterVectors];
#pragma GCC unroll 2
        for (int vector = 0; vector < kFilterVectors; vector++) factors[vector] = Load(factor + vector * kPlace<T> + part * kWidth);
#pragma GCC unroll 8
        for (int channel = 0; channel < kChannelRows; channel++) {
          const Vector one = Broadcast(value[part * kWidth + channel]);
#pragma GCC unroll 2
          for (int vector = 0; vector < kFilterVectors; vector++)
            total[channel][vector] = AddProduct<kInPairs<T>>(total[channel][vector], one, factors[vector]);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int channel = 0; channel < kChannelRows; channel++) {
#pragma GCC unroll 2
    for (int vector = 0; vector < kFilterVectors; vector++)
      Store(sums + channel * filters + vector * kWidth, total[channel][vector]);
  }
}

inline int64_t Clamp(int64_t value, int64_t least, int64_t most) { return value < least ? least : value > most ? most : value; }

// Outputs first … end whose input, output · stride + shift, is one of 0 … size.
struct Range {
  int64_t first, end;
  Range(int64_t shift, int64_t stride, int64_t size, int64_t outputs) {
    first = Clamp(shift < 0 ? (-shift + stride - 1) / stride : 0, 0, outputs);
    end = Clamp(shift >= size ? 0 : (size - 1 - shift) / stride + 1, first, outputs);
  }
};

// x: images × height × width × channels, outputGrad: images × outputHeight × outputWidth × filters; filterGrad: tapRows × tapColumns ×
// channels × filters. Channels are a multiple of kWidth, filters of kFilterBlock.
template <typename T>
void FilterGradient(const Threads& threads, const ConvolutionShape& shape, const T* x, const T* outputGrad, T* filterGrad) {
  const int64_t pairs = (shape.images + 1) / 2, taps = shape.tapRows * shape.tapColumns;
  const int64_t blocks = shape.filters / kFilterBlock, values = taps * shape.channels * shape.filters;
  // Chunks of positions have sums of their own, which are added in order: the same bits whatever the number of threads. A chunk is made of
  // units, each a band of rows of a pair or some whole pairs, as much as the cache holds.
  const int64_t most = (kTasks + blocks - 1) / blocks;
  const int64_t bandRows = Clamp(kBandPositions / shape.outputWidth, 1, shape.outputHeight);
  const int64_t bands = (shape.outputHeight + bandRows - 1) / bandRows;
  const int64_t unitPairs = Clamp(kBandPositions / (bandRows * shape.outputWidth), 1, bands > 1 ? 1 : (pairs + most - 1) / most);
  const int64_t units = (pairs + unitPairs - 1) / unitPairs * bands, chunks = most < units ? most : units;
  const int64_t inputs = shape.height * shape.width * shape.channels, line = shape.width * kPlace<T>;
  const int64_t outputs = shape.outputHeight * shape.outputWidth * shape.filters;
  const int64_t imageRows = Clamp((bandRows - 1) * shape.stride + shape.tapRows, 1, shape.height);
  Scratch<float> sums(chunks * values);
  const int64_t cost = pairs * outputs / shape.filters * taps * shape.channels / chunks;
  Parallel(threads, chunks * blocks, cost, [&](int64_t begin, int64_t end) {
    Scratch<float> image(unitPairs * imageRows * line);
    Positions at;
    at.gradientRow = shape.outputWidth * kFilterVectors * kPlace<T>;
    Scratch<float> gradient(unitPairs * bandRows * at.gradientRow);
    at.xColumn = shape.stride * kPlace<T>;
    at.xRow = shape.stride * line;
    for (int64_t task = begin; task < end; task++) {
      const int64_t chunk = task / blocks, filter = task % blocks * kFilterBlock;
      for (int64_t unit = chunk * units / chunks; unit < (chunk + 1) * units / chunks; unit++) {
        const int64_t pair = unit / bands * unitPairs, top = unit % bands * bandRows;
        at.pairs = Clamp(pairs - pair, 1, unitPairs);
        const int64_t rows = Clamp(shape.outputHeight - top, 1, bandRows);
        at.gradientPair = rows * at.gradientRow;
        const auto second = [&](int64_t one) { return 2 * (pair + one) + 1 < shape.images; };
        float* to = gradient.data();
        for (int64_t one = 0; one < at.pairs; one++) {
          const T* from = outputGrad + 2 * (pair + one) * outputs + top * shape.outputWidth * shape.filters + filter;
          for (int64_t position = 0; position < rows * shape.outputWidth; position++, from += shape.filters) {
            for (int vector = 0; vector < kFilterVectors; vector++, to += kPlace<T>)
              PackPlace(from + vector * kWidth, second(one) ? from + outputs + vector * kWidth : nullptr, to);
          }
        }
        const int64_t firstRow = Clamp(top * shape.stride - shape.paddingTop, 0, shape.height);
        const int64_t endRow = Clamp((top + rows - 1) * shape.stride - shape.paddingTop + shape.tapRows, firstRow, shape.height);
        at.xPair = (endRow - firstRow) * line;
        for (int64_t channel = 0; channel < shape.channels; channel += kWidth) {
          to = image.data();
          for (int64_t one = 0; one < at.pairs; one++) {
            const T* from = x + 2 * (pair + one) * inputs + firstRow * shape.width * shape.channels + channel;
            for (int64_t pixel = 0; pixel < (endRow - firstRow) * shape.width; pixel++, from += shape.channels, to += kPlace<T>)
              PackPlace(from, second(one) ? from + inputs : nullptr, to);
          }
          for (int64_t tap = 0; tap < taps; tap++) {
            const int64_t down = top * shape.stride + tap / shape.tapColumns - shape.paddingTop;
            const int64_t across = tap % shape.tapColumns - shape.paddingLeft;
            const Range seenRows(down, shape.stride, shape.height, rows), seen(across, shape.stride, shape.width, shape.outputWidth);
            at.rows = seenRows.end - seenRows.first;
            at.columns = seen.end - seen.first;
            if (at.rows == 0 || at.columns == 0) continue;
            const float* value = image.data() + (seenRows.first * shape.stride + down - firstRow) * line +
                                 (seen.first * shape.stride + across) * kPlace<T>;
            const float* factor = gradient.data() + seenRows.first * at.gradientRow + seen.first * kFilterVectors * kPlace<T>;
            float* sum = sums.data() + chunk * values + (tap * shape.channels + channel) * shape.filters + filter;
            for (int64_t part = 0; part < kWidth; part += kChannelRows)
              AddPositions<T>(at, value + part, factor, sum + part * shape.filters, shape.filters);
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
