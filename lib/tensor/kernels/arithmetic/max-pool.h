// Largest values in windows with PyTorch's padding, which never wins, and their gradient, which goes to the first of equal ones.
#pragma once
#include "parallel.h"

namespace notebooks {
namespace {

// Calls `body(offset, place)` for each position of a window inside the image, row by row; offsets are in values of one image, places are
// counted over the whole window.
template <typename Body>
inline void ForEachInWindow(const PoolShape& s, int64_t row, int64_t column, const Body& body) {
  for (int64_t v = 0; v < s.size; v++) {
    const int64_t y = row * s.stride - s.padding + v;
    if (y < 0 || y >= s.height) continue;
    for (int64_t u = 0; u < s.size; u++) {
      const int64_t x = column * s.stride - s.padding + u;
      if (x >= 0 && x < s.width) body((y * s.width + x) * s.channels, static_cast<int32_t>(v * s.size + u));
    }
  }
}

inline IntVector LoadPlaces(const int32_t* from, int count) {
  return reinterpret_cast<IntVector>(LoadSome(reinterpret_cast<const float*>(from), count));
}

template <typename T>
void MaxPool(const Threads& threads, const PoolShape& s, const T* input, T* output, int32_t* winner) {
  const int64_t cost = s.outputWidth * s.channels * s.size * s.size / 4;
  Parallel(threads, s.images * s.outputHeight, cost, [&](int64_t begin, int64_t end) {
    for (int64_t line = begin; line < end; line++) {
      const T* image = input + line / s.outputHeight * s.height * s.width * s.channels;
      for (int64_t column = 0; column < s.outputWidth; column++) {
        const int64_t to = (line * s.outputWidth + column) * s.channels;
        ForEachVector(s.channels, [&](int64_t at, int count) {
          Vector largest = Broadcast(-INFINITY);
          IntVector places = {};
          ForEachInWindow(s, line % s.outputHeight, column, [&](int64_t offset, int32_t place) {
            const Vector value = LoadSome(image + offset + at, count);
            const IntVector wins = (value > largest) | (value != value);  // a NaN wins
            largest = wins ? value : largest;
            places = wins ? IntVector{} + place : places;
          });
          StoreSome(output + to + at, largest, count);
          StoreSome(reinterpret_cast<float*>(winner) + to + at, reinterpret_cast<Vector>(places), count);
        });
      }
    }
  });
}

// An image at a time, whose windows overlap. What meets at one position is added up as floats, in memory of its own where T is another type.
template <typename T>
void MaxPoolGrad(const Threads& threads, const PoolShape& s, const T* outputGrad, const int32_t* winner, T* inputGrad) {
  const int64_t values = s.height * s.width * s.channels;
  constexpr bool kInPlace = sizeof(T) == sizeof(float);
  Parallel(threads, s.images, s.outputHeight * s.outputWidth * s.channels * s.size * s.size, [&](int64_t begin, int64_t end) {
    Scratch<float> memory(kInPlace ? 0 : values);
    for (int64_t image = begin; image < end; image++) {
      T* to = inputGrad + image * values;
      float* grad = kInPlace ? reinterpret_cast<float*>(to) : memory.data();
      memset(grad, 0, values * sizeof(float));
      for (int64_t row = 0; row < s.outputHeight; row++) {
        for (int64_t column = 0; column < s.outputWidth; column++) {
          const int64_t from = ((image * s.outputHeight + row) * s.outputWidth + column) * s.channels;
          ForEachVector(s.channels, [&](int64_t at, int count) {
            const Vector gradient = LoadSome(outputGrad + from + at, count);
            const IntVector places = LoadPlaces(winner + from + at, count);
            ForEachInWindow(s, row, column, [&](int64_t offset, int32_t place) {
              const Vector own = places == place ? gradient : Vector{};
              StoreSome(grad + offset + at, LoadSome(grad + offset + at, count) + own, count);
            });
          });
        }
      }
      if (!kInPlace) ForEachVector(values, [&](int64_t at, int count) { StoreSome(to + at, LoadSome(grad + at, count), count); });
    }
  });
}

}  // namespace
}  // namespace notebooks
