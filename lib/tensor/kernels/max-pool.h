// Largest values in windows with PyTorch's padding, which never wins, and their gradient, which goes to the first of equal ones.
#pragma once
#include <cmath>

#include "parallel.h"

namespace notebooks {

struct PoolShape {
  int64_t images, height, width, channels, outputHeight, outputWidth, size, stride, padding;
};

// Calls `body(offset)` for each position of a window inside the image, row by row; offsets are in values of one image.
template <typename Body>
inline void ForEachInWindow(const PoolShape& s, int64_t row, int64_t column, Body body) {
  for (int64_t y = row * s.stride - s.padding; y < row * s.stride - s.padding + s.size; y++) {
    if (y < 0 || y >= s.height) continue;
    for (int64_t x = column * s.stride - s.padding; x < column * s.stride - s.padding + s.size; x++)
      if (x >= 0 && x < s.width) body((y * s.width + x) * s.channels);
  }
}

inline void MaxPool(OpKernelContext* context, const PoolShape& s, const float* input, float* output) {
  const int64_t cost = s.outputWidth * s.channels * s.size * s.size / 4;
  Parallel(context, s.images * s.outputHeight, cost, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; line++) {
      const float* image = input + line / s.outputHeight * s.height * s.width * s.channels;
      for (int64_t column = 0; column < s.outputWidth; column++) {
        float* to = output + (line * s.outputWidth + column) * s.channels;
        ForEachVector(s.channels, [&](int64_t at, int count) {
          Vector largest = Broadcast(-INFINITY);
          ForEachInWindow(s, line % s.outputHeight, column, [&](int64_t offset) {
            const Vector value = LoadSome(image + offset + at, count);
            largest = (value > largest) | (value != value) ? value : largest;  // a NaN wins
          });
          StoreSome(to + at, largest, count);
        });
      }
    }
  });
}

// An image at a time, whose windows overlap.
inline void MaxPoolGrad(OpKernelContext* context, const PoolShape& s, const float* outputGrad, const float* input,
                        const float* output, float* inputGrad) {
  const int64_t values = s.height * s.width * s.channels;
  Parallel(context, s.images, s.outputHeight * s.outputWidth * s.channels * s.size * s.size, [&](int64_t begin, int64_t end) {
    for (int64_t image = begin; image < end; image++) {
      const float* in = input + image * values;
      float* grad = inputGrad + image * values;
      std::memset(grad, 0, values * sizeof(float));
      for (int64_t row = 0; row < s.outputHeight; row++) {
        for (int64_t column = 0; column < s.outputWidth; column++) {
          const int64_t from = ((image * s.outputHeight + row) * s.outputWidth + column) * s.channels;
          ForEachVector(s.channels, [&](int64_t at, int count) {
            const Vector largest = LoadSome(output + from + at, count);
            Vector left = LoadSome(outputGrad + from + at, count);
            ForEachInWindow(s, row, column, [&](int64_t offset) {
              const Vector value = LoadSome(in + offset + at, count);
              const Vector own = value == largest ? left : Vector{};
              left = value == largest ? Vector{} : left;
              StoreSome(grad + offset + at, LoadSome(grad + offset + at, count) + own, count);
            });
          });
        }
      }
    }
  });
}

}  // namespace notebooks
