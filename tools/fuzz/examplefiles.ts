// Files under the names that help uses in its examples, for what runs command lines. Imports nothing.

/** Name in an example, and path in the repository. */
export const exampleFiles: Readonly<Record<string, string>> = {
  'photos.npy': 'data/photos_nchw.npy',
  'digits.npy': 'data/digits_images.npy',
  'arrays.npz': 'test/io/arrays.npz',
  'resnet.safetensors': 'test/models/resnet_bn.safetensors',
  'resnet.pth': 'test/models/resnet_bn.pth',
  'resnet.onnx': 'test/models/resnet_bn.onnx',
  'vit.safetensors': 'test/models/vit.safetensors',
  'convnext.pth': 'test/models/convnext_timm.pth',
  'mlp.pth': 'test/models/mlp_weightnorm.pth',
  'train.log': 'test/cli/train.log',
  'poisoned.safetensors': 'test/models/broken/nan_poisoned.safetensors',
};
