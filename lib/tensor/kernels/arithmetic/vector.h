// A vector of floats as wide as the processor's registers, and the few functions of it that the kernels need. The compiler is told not to
// fuse products and sums by itself (-ffp-contract=off): `MultiplyAdd` says where, so that every compiler gives the same bits at a level.
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX__)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#include "table.h"

namespace notebooks {
namespace {

#if defined(__AVX512F__)
constexpr int kWidth = 16;
#elif defined(__AVX__)
constexpr int kWidth = 8;
#else
constexpr int kWidth = 4;
#endif

typedef float Vector __attribute__((vector_size(4 * kWidth)));
typedef float UnalignedVector __attribute__((vector_size(4 * kWidth), aligned(4), may_alias));
typedef int32_t IntVector __attribute__((vector_size(4 * kWidth)));
typedef uint32_t BitVector __attribute__((vector_size(4 * kWidth)));
typedef uint16_t HalfVector __attribute__((vector_size(2 * kWidth)));
typedef uint16_t UnalignedHalfVector __attribute__((vector_size(2 * kWidth), aligned(2), may_alias));

inline Vector Broadcast(float value) { return value - Vector{}; }

// a · b + c, rounded once where the processor can, and twice at the plain level of x86-64.
inline Vector MultiplyAdd(Vector a, Vector b, Vector c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
  return _mm256_fmadd_ps(a, b, c);
#elif defined(__ARM_NEON)
  return vfmaq_f32(c, a, b);
#else
  return a * b + c;
#endif
}

inline Vector MultiplyAdd(Vector a, float b, Vector c) { return MultiplyAdd(a, Broadcast(b), c); }

inline Vector Load(const float* from) { return *reinterpret_cast<const UnalignedVector*>(from); }

inline void Store(float* to, Vector value) { *reinterpret_cast<UnalignedVector*>(to) = value; }

inline Vector Load(const bfloat16* from) {
  const HalfVector half = *reinterpret_cast<const UnalignedHalfVector*>(from);
  return reinterpret_cast<Vector>(__builtin_convertvector(half, BitVector) << 16);
}

inline float LoadOne(const float* from) { return *from; }

inline float LoadOne(const bfloat16* from) {
  const uint32_t bits = static_cast<uint32_t>(from->bits) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// The nearest bfloat16 in the upper half of each lane, ties to even; what is not a number stays that.
inline BitVector RoundedBits(Vector value) {
  const BitVector bits = reinterpret_cast<BitVector>(value);
  const BitVector rounded = bits + 0x7fff + ((bits >> 16) & 1);
  return value == value ? rounded : (bits | 0x400000);
}

inline void Store(bfloat16* to, Vector value) {
#if defined(__AVX512BF16__)
  const __m256bh rounded = _mm512_cvtneps_pbh(value);
  memcpy(to, &rounded, sizeof rounded);
#elif defined(__ARM_FEATURE_BF16_VECTOR_ARITHMETIC)
  const bfloat16x4_t rounded = vcvt_bf16_f32(value);
  memcpy(to, &rounded, sizeof rounded);
#else
  *reinterpret_cast<UnalignedHalfVector*>(to) = __builtin_convertvector(RoundedBits(value) >> 16, HalfVector);
#endif
}

// The first `count` values, zeros after them.
template <typename T>
inline Vector LoadPart(const T* from, int count) {
  alignas(64) T padded[kWidth] = {};
  memcpy(padded, from, count * sizeof(T));
  return Load(padded);
}

template <typename T>
inline void StorePart(T* to, Vector value, int count) {
  alignas(64) T padded[kWidth];
  Store(padded, value);
  memcpy(to, padded, count * sizeof(T));
}

// The same in one instruction: networks of few channels have no whole vector anywhere.
#if defined(__AVX512F__)
inline Vector LoadPart(const float* from, int count) { return _mm512_maskz_loadu_ps((1u << count) - 1, from); }

inline void StorePart(float* to, Vector value, int count) { _mm512_mask_storeu_ps(to, (1u << count) - 1, value); }

inline Vector LoadPart(const bfloat16* from, int count) {
  const __m256i half = _mm256_maskz_loadu_epi16((1u << count) - 1, from);
  return reinterpret_cast<Vector>(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

inline void StorePart(bfloat16* to, Vector value, int count) {
  bfloat16 rounded[kWidth];
  Store(rounded, value);
  _mm256_mask_storeu_epi16(to, (1u << count) - 1, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(rounded)));
}
#elif defined(__AVX__)
inline __m256i FirstLanes(int count) {
  alignas(32) static constexpr int32_t kLanes[16] = {-1, -1, -1, -1, -1, -1, -1, -1};
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kLanes + kWidth - count));
}

inline Vector LoadPart(const float* from, int count) { return _mm256_maskload_ps(from, FirstLanes(count)); }

inline void StorePart(float* to, Vector value, int count) { _mm256_maskstore_ps(to, FirstLanes(count), value); }
#endif

// Calls `body(position, count)` for each vector of `total` values; count is less than kWidth in the last one only.
template <typename Body>
inline void ForEachVector(int64_t total, const Body& body) {
  int64_t position = 0;
  for (; position + kWidth <= total; position += kWidth) body(position, kWidth);
  if (position < total) body(position, static_cast<int>(total - position));
}

template <typename T>
inline Vector LoadSome(const T* from, int count) {
  return count == kWidth ? Load(from) : LoadPart(from, count);
}

template <typename T>
inline void StoreSome(T* to, Vector value, int count) {
  if (count == kWidth) Store(to, value);
  else StorePart(to, value, count);
}

inline Vector Sqrt(Vector value) {
#if defined(__AVX512F__)
  return _mm512_sqrt_ps(value);
#elif defined(__AVX__)
  return _mm256_sqrt_ps(value);
#else
  for (int lane = 0; lane < kWidth; lane++) value[lane] = sqrtf(value[lane]);
  return value;
#endif
}

inline Vector Max(Vector a, Vector b) { return a > b ? a : b; }

inline float Sum(Vector value) {
  float total = 0;
  for (int lane = 0; lane < kWidth; lane++) total += value[lane];
  return total;
}

inline float Largest(Vector value) {
  float largest = value[0];
  for (int lane = 1; lane < kWidth; lane++) largest = value[lane] > largest ? value[lane] : largest;
  return largest;
}

// The coefficients' polynomial in x, the highest power first.
template <int kCoefficients>
inline Vector Polynomial(Vector x, const float (&coefficients)[kCoefficients]) {
  Vector sum = Broadcast(coefficients[0]);
#pragma GCC unroll 16
  for (int power = 1; power < kCoefficients; power++) sum = MultiplyAdd(sum, x, Broadcast(coefficients[power]));
  return sum;
}

// e^x to 2 units in the last place; below −87 it is no longer exact, but nearly 0. NaN stays NaN.
inline Vector Exp(Vector x) {
  x = x < -87.0f ? Broadcast(-87.0f) : x;
  x = x > 88.0f ? Broadcast(88.0f) : x;
  // x = n·ln 2 + r with |r| ≤ ln 2 / 2; adding 1.5·2²³ rounds to the nearest whole number.
  const float magic = 12582912.0f;
  const Vector n = MultiplyAdd(x, 1.44269504088896341f, Broadcast(magic)) - magic;
  const Vector r = MultiplyAdd(n, 2.12194440e-4f, MultiplyAdd(n, -0.693359375f, x));
  const Vector p = Polynomial(r, {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f,
                                  5.0000001201e-1f});
  const IntVector exponent = (__builtin_convertvector(n, IntVector) + 127) << 23;
  return (MultiplyAdd(p * r, r, r) + 1.0f) * reinterpret_cast<Vector>(exponent);
}

}  // namespace
}  // namespace notebooks
