// The models that come with screen 9. Imports nothing, so that the page may know them too.

export const sampleNames = ['faulty', 'resnet'] as const;

export type SampleName = (typeof sampleNames)[number];

/** Their files in lab/samples. */
export const sampleFiles: Readonly<Record<SampleName, string>> = { faulty: 'faulty.safetensors', resnet: 'resnet.onnx' };
