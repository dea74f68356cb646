// A run as a program of its own, in PyTorch and with evenkeel: each prints the losses and accuracies of the screen. Imports names.

import { type NetworkName, normTexts, rateOf, type TrainNorm, type TrainSettings } from '../worker/jobs/trainnames.js';

/** The run in PyTorch; scikit-learn brings the same digits. */
export function pytorchListing(settings: TrainSettings): string {
  const { network, norm, batch, epochs, seed } = settings;
  const isLayerNorm2d = network === 'resnet' && norm === 'layer';
  return `import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
${isLayerNorm2d ? 'from torchvision.models.convnext import LayerNorm2d\n' : ''}
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).${network === 'mlp' ? 'flatten(1)' : 'unsqueeze(1)'} / 16
labels = torch.tensor(digits.target)

${network === 'mlp' ? '' : residualClasses}torch.manual_seed(${seed})
${network === 'mlp' ? sequential(norm) : `network = ResNet(lambda channels: ${normOf(network, norm, 'channels', 'python')})`}
optimizer = torch.optim.SGD(network.parameters(), lr=${rateOf(settings)}, momentum=0.9, weight_decay=5e-4)
loader = DataLoader(TensorDataset(images[:1437], labels[:1437]), batch_size=${batch}, shuffle=True, drop_last=True)
for epoch in range(${epochs}):
    network.train()
    losses = []
    for x, y in loader:
        loss = F.cross_entropy(network(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    network.eval()
    with torch.no_grad():
        right = network(images[1437:]).argmax(1) == labels[1437:]
    print(epoch + 1, sum(losses) / len(losses), right.float().mean().item())
`;
}

function sequential(norm: TrainNorm): string {
  const layer = normOf('mlp', norm, '64', 'python');
  const block = `    nn.Linear(64, 64), ${norm === 'none' ? '' : `${layer}, `}nn.ReLU(),\n`;
  return `network = nn.Sequential(\n${block}${block}    nn.Linear(64, 10),\n)`;
}

/** torchvision's ResNet in two stages of a block, with a stem for small images. */
const residualClasses = `
class Block(nn.Module):
    def __init__(self, before, channels, stride, norm):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False), norm(channels)
        self.conv2, self.bn2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False), norm(channels)
        self.downsample = nn.Identity()

    def forward(self, x):
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.downsample(x))


class ResNet(nn.Module):
    def __init__(self, norm):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 16, 3, 1, 1, bias=False), norm(16)
        self.layer1 = Block(16, 16, 1, norm)
        downsample = nn.Sequential(nn.Conv2d(16, 32, 1, 2, bias=False), norm(32))
        self.layer2 = Block(16, 32, 2, norm)
        self.layer2.downsample = downsample
        self.fc = nn.Linear(32, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode='fan_out', nonlinearity='relu')

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer2(self.layer1(x)).mean((2, 3)))


`;

/** The same with evenkeel; the digits are two .npy files of its repository. */
export function evenkeelListing(settings: TrainSettings): string {
  const { network, norm, batch, epochs, seed } = settings;
  const norms = norm === 'none' ? (network === 'mlp' ? [] : ['Identity']) : [classOf(network, norm)];
  const layers = network === 'mlp' ? ['Linear', 'ReLU', 'Sequential'] : [];
  const names = ['argmax', 'crossEntropy', 'DataLoader', 'manualSeed', 'noGrad', 'scope', 'SGD', ...layers, ...norms];
  return `import { ${names.toSorted((a, b) => a.localeCompare(b)).join(', ')} } from 'evenkeel';
import { load } from 'evenkeel/io';
${network === 'mlp' ? '' : "import { BasicBlock, ResNet } from 'evenkeel/nn';\n"}
const images = (await load('data/digits_images.npy')).get('array')!.to('float32').div(16).${network === 'mlp' ? 'flatten(1)' : 'unsqueeze(1)'};
const labels = (await load('data/digits_labels.npy')).get('array')!;

manualSeed(${seed});
${network === 'mlp' ? layersOf(norm) : residualNetwork(norm)}
const optimizer = new SGD(network.parameters(), { lr: ${rateOf(settings)}, momentum: 0.9, weightDecay: 5e-4 });
const training = [images.slice(0, 0, 1437), labels.slice(0, 0, 1437)];
const loader = new DataLoader(training, { batchSize: ${batch}, shuffle: true, dropLast: true });
const answers = Array.from(labels.slice(0, 1437).data, Number);
for (let epoch = 0; epoch < ${epochs}; epoch++) {
  network.train();
  let sum = 0;
  loader.forEach(([x, y]) => {
    const loss = crossEntropy(network.forward(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    sum += loss.item();
  });
  network.eval();
  const named = scope(() => Array.from(argmax(noGrad(() => network.forward(images.slice(0, 1437))), 1).data, Number));
  console.log(epoch + 1, sum / loader.length, named.filter((digit, i) => digit === answers[i]).length / named.length);
}
`;
}

function layersOf(norm: TrainNorm): string {
  const layer = norm === 'none' ? '' : `new ${normOf('mlp', norm, '64', 'typescript')}, `;
  const block = `  new Linear(64, 64), ${layer}new ReLU(),\n`;
  return `const network = new Sequential(\n${block}${block}  new Linear(64, 10),\n);`;
}

function residualNetwork(norm: TrainNorm): string {
  return `const network = new ResNet(BasicBlock, [1, 1], {
  inChannels: 1, numClasses: 10, widths: [16, 32], stem: { kernel: 3, stride: 1, padding: 1, maxPool: false },
  normLayer: (channels) => new ${normOf('resnet', norm, 'channels', 'typescript')},
});`;
}

function classOf(network: NetworkName, norm: TrainNorm): string {
  return normTexts[network][norm]?.replace(/\(.*/, '') ?? '';
}

/** A norm of so many channels, as either language writes it. */
function normOf(network: NetworkName, norm: TrainNorm, channels: string, language: 'python' | 'typescript'): string {
  const isPython = language === 'python';
  const name = norm === 'none' ? 'Identity' : classOf(network, norm);
  const option = (key: string, python: string, value: string): string => (isPython ? `, ${python}` : `, { ${key}: ${value} }`);
  const isLayerNorm2d = name === 'LayerNorm2d';
  const call = isPython && !isLayerNorm2d ? `nn.${name}` : name;
  if (norm === 'none') return `${call}()`;
  if (norm === 'group') return `${call}(4, ${channels})`;
  if (norm === 'instance') return `${call}(${channels}${option('affine', 'affine=True', 'true')})`;
  return `${call}(${channels}${isLayerNorm2d ? option('eps', 'eps=1e-6', '1e-6') : ''})`;
}
