/* The network of net.h, 784-512-512-10, as one writes it first: a byte for every weight, and loops over bytes. The
 * thresholds and scores are those of net.h, so the classes are the same. */
#define UNITS 512

static int8_t weights_1[UNITS][NET_INPUTS], weights_2[UNITS][UNITS], weights_3[NET_CLASSES][UNITS];

/* Bits to bytes, before anything is counted. */
static void unpack(void)
{
    for (int o = 0; o < UNITS; o++) {
        for (int i = 0; i < NET_INPUTS; i++) {
            weights_1[o][i] = (net_weights_1[i / 8 * UNITS + o] >> (i % 8) & 1) ? 1 : -1;
        }
        for (int i = 0; i < UNITS; i++) {
            weights_2[o][i] = (net_weights_2[o * UNITS / 32 + i / 32] >> (i % 32) & 1) ? 1 : -1;
        }
    }
    for (int o = 0; o < NET_CLASSES; o++) {
        for (int i = 0; i < UNITS; i++) {
            weights_3[o][i] = (net_weights_3[o * UNITS / 32 + i / 32] >> (i % 32) & 1) ? 1 : -1;
        }
    }
}

static int32_t sum_of_pixels(const uint8_t *x, const int8_t *w)
{
    int32_t sum = 0;
    for (int i = 0; i < NET_INPUTS; i++) {
        sum += w[i] * x[i];
    }
    return sum;
}

static int32_t sum_of_signs(const int8_t *x, const int8_t *w)
{
    int32_t sum = 0;
    for (int i = 0; i < UNITS; i++) {
        sum += w[i] * x[i];
    }
    return sum;
}

static int8_t sign(int32_t sum, int32_t threshold)
{
    return 2 * ((threshold & 1) ? -1 - sum : sum) + 1 >= threshold ? 1 : -1;
}

static int plain_classify(const uint8_t *pixels, int state)
{
    static uint8_t seen[NET_INPUTS];
    static int8_t first[UNITS], second[UNITS];
    const int32_t *thresholds = net_thresholds[net_states[state][0]];
    const float *norms = net_norms[net_states[state][0]];
    float most = 0.0f;
    int best = 0;
    for (int i = 0; i < NET_INPUTS; i++) {
        seen[i] = net_pixel(pixels, state, i);
    }
    for (int o = 0; o < UNITS; o++) {
        first[o] = sign(sum_of_pixels(seen, weights_1[o]), thresholds[o]);
    }
    for (int o = 0; o < UNITS; o++) {
        second[o] = sign(sum_of_signs(first, weights_2[o]), thresholds[UNITS + o]);
    }
    for (int o = 0; o < NET_CLASSES; o++) {
        const float score = net_score(sum_of_signs(second, weights_3[o]), norms + 4 * o);
        if (o == 0 || score > most) {
            most = score;
            best = o;
        }
    }
    return best;
}
