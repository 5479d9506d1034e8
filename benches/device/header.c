/* What the exported header says of raw images, one class a line: header IMAGES STATE COUNT. */
#include <stdio.h>
#include <stdlib.h>

#include "net.h"

#ifdef PLAIN
#include "plain.h"
#endif

int main(int arguments, char **argument)
{
    static uint8_t pixels[NET_INPUTS];
    FILE *images = arguments == 4 ? fopen(argument[1], "rb") : NULL;
    if (images == NULL) {
        return 1;
    }
#ifdef PLAIN
    unpack();
#endif
    for (int left = atoi(argument[3]); left > 0 && fread(pixels, 1, NET_INPUTS, images) == NET_INPUTS; left--) {
        const int state = atoi(argument[2]);
#ifdef PLAIN
        printf("%d\n", plain_classify(pixels, state));
#else
        printf("%d\n", net_classify(pixels, state));
#endif
    }
    fclose(images);
    return 0;
}
