// Public entry of 'evenkeel/nn': blocks and whole models, made of the layers of 'evenkeel'.

export {};
