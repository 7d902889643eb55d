// Operations that TensorFlow lacks, registered with it: each does in one pass over memory what would otherwise take five to ten.
// They run on the CPU; on a GPU, the files of lib/tensor that call them use TensorFlow's own operations. Nothing is computed here, so
// that TensorFlow's headers are compiled with its own flags; what computes is in arithmetic/, compiled once for each level.
#include "convolution-operations.h"
#include "level-operation.h"
#include "optimizer-operations.h"
#include "transformer-operations.h"
