import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  base: "/",
  publicDir: false,
  // A build that went well says nothing: its warnings are about packages of others.
  logLevel: "error",
  build: {
    outDir: "bundle",
    emptyOutDir: true,
    target: "es2023",
    cssTarget: "chrome123",
    // Inlined as data: URLs, styles would need a looser policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
