/* NAME: a binarized network of dense layers, written by metabnn VERSION.
 *
 *     int class = NAME_classify(pixels, state);
 *
 * pixels: NAME_UPPER_INPUTS bytes, 0 to 255, as they are in the image. The class is counted from 0; it is -1 where
 * there is no such state. States:
 *
 *   STATES
 *
 * C99, freestanding; nothing is allocated. The memory to work in is static: one inference at a time.
 * A bit that is 1 is a weight of +1, 0 one of -1. A hidden unit is +1 where the whole-number sum of its inputs
 * reaches its threshold, else -1. The class is that of the largest score, the first among equals.
 */
#ifndef NAME_UPPER_H
#define NAME_UPPER_H

#include <stdint.h>

/* NUMBERS */

/* Set bits of a word. */
static inline int32_t NAME_popcount(uint32_t x)
{
    x -= (x >> 1) & 0x55555555u;
    x = (x & 0x33333333u) + ((x >> 2) & 0x33333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0fu;
    return (int32_t)((x * 0x01010101u) >> 24);
}

/* Pixel i of a state's order. */
static inline uint8_t NAME_pixel(const uint8_t *pixels, int state, int32_t i)
{
    PIXEL
}

/* BEGIN PIXELS */
/* The sums of all outputs of a first layer that sees pixels. For every eight inputs one byte of weights per output
 * picks its sum from a table of all 256; with A the sum of the pixels whose weight is +1, and T of all, it is
 * 2 A - T. */
static inline void NAME_look(const uint8_t *pixels, int state, const uint8_t *planes, int32_t inputs,
                             int32_t outputs, int32_t *sums)
{
    static uint16_t table[256];
    int32_t total = 0;
    for (int32_t o = 0; o < outputs; o++) {
        sums[o] = 0;
    }
    for (int32_t first = 0; first < inputs; first += 8, planes += outputs) {
        int32_t count = 1;
        table[0] = 0;
        for (int32_t i = first; i < first + 8; i++, count *= 2) {
            const uint8_t pixel = i < inputs ? NAME_pixel(pixels, state, i) : 0;
            for (int32_t j = 0; j < count; j++) {
                table[count + j] = (uint16_t)(table[j] + pixel);
            }
        }
        if (table[255] == 0) {
            continue;
        }
        total += table[255];
        for (int32_t o = 0; o < outputs; o++) {
            sums[o] += table[planes[o]];
        }
    }
    for (int32_t o = 0; o < outputs; o++) {
        sums[o] = 2 * sums[o] - total;
    }
}
/* END PIXELS */

/* BEGIN INK */
/* +1 where a pixel has ink. */
static inline void NAME_look(const uint8_t *pixels, int state, int32_t inputs, uint32_t *signs)
{
    for (int32_t word = 0; word < (inputs + 31) / 32; word++) {
        signs[word] = 0;
    }
    for (int32_t i = 0; i < inputs; i++) {
        signs[i / 32] |= (uint32_t)(NAME_pixel(pixels, state, i) > 0) << (i % 32);
    }
}
/* END INK */

/* BEGIN ROWS */
/* The sums of all outputs of a layer that sees signs: inputs - 2 popcount(w XOR x). */
static inline void NAME_sums(const uint32_t *signs, const uint32_t *rows, int32_t inputs, int32_t outputs,
                             int32_t *sums)
{
    const int32_t words = (inputs + 31) / 32;
    for (int32_t o = 0; o < outputs; o++, rows += words) {
        int32_t differing = 0;
        for (int32_t word = 0; word < words; word++) {
            differing += NAME_popcount(rows[word] ^ signs[word]);
        }
        sums[o] = inputs - 2 * differing;
    }
}
/* END ROWS */

/* BEGIN HIDDEN */
/* The signs of hidden units. A threshold is an odd number 2 t + 1 for sums of at most -t - 1, an even one 2 t for sums
 * of at least t. */
static inline void NAME_signs(const int32_t *sums, const int32_t *thresholds, int32_t units, uint32_t *signs)
{
    for (int32_t word = 0; word < (units + 31) / 32; word++) {
        signs[word] = 0;
    }
    for (int32_t unit = 0; unit < units; unit++) {
        const int32_t flipped = (thresholds[unit] & 1) ? -1 - sums[unit] : sums[unit];
        signs[unit / 32] |= (uint32_t)(2 * flipped + 1 >= thresholds[unit]) << (unit % 32);
    }
}
/* END HIDDEN */

/* The score of a class: z = gamma (y - mean) inverse + beta. */
static inline float NAME_score(int32_t sum, const float *norm)
{
    volatile float y = (float)sum;
    volatile float normed, scaled, score;
    SCALE
    normed = y - norm[0];
    normed = normed * norm[1];
    scaled = norm[2] * normed;
    score = scaled + norm[3];
    return score;
}

