//! Bit matrices and XNOR-popcount products for binarized networks.
#![no_std]
