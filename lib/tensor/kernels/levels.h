// Which level of the arithmetic this process uses.
#pragma once
#include "arithmetic/table.h"

namespace notebooks {

// The highest level that was compiled and that the processor has, or the one that the variable NOTEBOOKS_KERNELS names.
const Kernels& ChosenKernels();

// Its name, such as `v4-bf16`.
const char* ChosenLevel();

// What is wrong with the variable NOTEBOOKS_KERNELS, as a line for the person who has set it; empty where nothing is.
const char* LevelProblem();

}  // namespace notebooks
