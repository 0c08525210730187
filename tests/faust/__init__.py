"""Stock Faust's paths of loss and rewind, each with what this program does under the same fault; docs/faust-paths.md tells them."""
