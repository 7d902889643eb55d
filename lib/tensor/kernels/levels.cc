// Chosen once, when the addon is loaded. NOTEBOOKS_LEVELS names the tables that were compiled, the lowest level first, as
// LEVEL(plain) LEVEL(v3).
#include "levels.h"

#include <stdlib.h>
#include <string.h>

#include <string>

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace notebooks {

#define LEVEL(name) extern const Kernels name;
NOTEBOOKS_LEVELS
#undef LEVEL

namespace {

#if defined(__x86_64__)
// The registers that the operating system keeps when it changes threads (XCR0): without them the instructions are not to be used.
uint64_t KeptRegisters() {
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

bool HasAll(uint32_t registerValue, uint32_t bits) { return (registerValue & bits) == bits; }

// By the bits of CPUID (Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2A).
int HighestRank() {
  uint32_t a, b, c, d, leaf7b, bfloat16 = 0, extended = 0;
  // FMA, MOVBE, POPCNT, OSXSAVE, AVX, F16C
  if (!__get_cpuid(1, &a, &b, &c, &d) || !HasAll(c, 1 << 12 | 1 << 22 | 1 << 23 | 1 << 27 | 1 << 28 | 1 << 29)) return 0;
  if (!__get_cpuid_count(7, 0, &a, &leaf7b, &c, &d)) return 0;
  const bool hasMore = a >= 1;
  if (__get_cpuid(0x80000001, &a, &b, &c, &d)) extended = c;
  const uint64_t kept = KeptRegisters();
  // BMI, AVX2, BMI2; LZCNT; the XMM and YMM registers
  if (!HasAll(leaf7b, 1 << 3 | 1 << 5 | 1 << 8) || !HasAll(extended, 1 << 5) || (kept & 6) != 6) return 0;
  // AVX512F, DQ, CD, BW, VL; the mask and ZMM registers
  if (!HasAll(leaf7b, 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31) || (kept & 0xe6) != 0xe6) return 1;
  if (hasMore && __get_cpuid_count(7, 1, &a, &b, &c, &d)) bfloat16 = a;
  return HasAll(bfloat16, 1 << 5) ? 3 : 2;
}
#elif defined(__aarch64__) && defined(__linux__)
int HighestRank() {
  constexpr unsigned long kBfloat16 = 1 << 14;  // HWCAP2_BF16, which older headers do not name
  return getauxval(AT_HWCAP2) & kBfloat16 ? 1 : 0;
}
#elif defined(__aarch64__) && defined(__APPLE__)
int HighestRank() {
  int has = 0;
  size_t size = sizeof has;
  return sysctlbyname("hw.optional.arm.FEAT_BF16", &has, &size, nullptr, 0) == 0 && has ? 1 : 0;
}
#else
int HighestRank() { return 0; }
#endif

// The names in the order of their ranks, on the processors of this kind.
#if defined(__x86_64__)
constexpr const char* kRanks[] = {"plain", "v3", "v4", "v4_bf16"};
#elif defined(__aarch64__)
constexpr const char* kRanks[] = {"neon", "neon_bf16"};
#else
constexpr const char* kRanks[] = {"plain"};
#endif

struct Level {
  const char* table;
  const Kernels* kernels;

  std::string Name() const {
    std::string name = table;
    for (char& letter : name) letter = letter == '_' ? '-' : letter;
    return name;
  }
  int Rank() const {
    int rank = 0;
    while (strcmp(kRanks[rank], table) != 0) rank++;
    return rank;
  }
};

#define LEVEL(name) {#name, &name},
constexpr Level kLevels[] = {NOTEBOOKS_LEVELS};
#undef LEVEL

struct Choice {
  const Kernels* kernels = nullptr;
  std::string level, problem;

  Choice() {
    const char* variable = getenv("NOTEBOOKS_KERNELS");
    const std::string named = variable == nullptr ? "" : variable;
    std::string usable;
    bool isKnown = false;
    for (const Level& one : kLevels) {
      isKnown = isKnown || one.Name() == named;
      if (one.Rank() > HighestRank()) continue;
      usable = one.Name() + ", " + usable;
      if (level == named && kernels != nullptr) continue;
      kernels = one.kernels;
      level = one.Name();
    }
    if (named.empty() || named == "off" || named == level) return;
    problem = "NOTEBOOKS_KERNELS is \"" + named + "\", " +
              (isKnown ? "which this processor does not have" : "which is no level of the kernels that were compiled") +
              ": use " + usable + "off, or leave it away.";
  }
};

const Choice& Chosen() {
  static const Choice choice;
  return choice;
}

}  // namespace

const Kernels& ChosenKernels() { return *Chosen().kernels; }
const char* ChosenLevel() { return Chosen().level.c_str(); }
const char* LevelProblem() { return Chosen().problem.c_str(); }

}  // namespace notebooks
