"""Image captions: a convolution over the picture, and a decoder with attention."""
