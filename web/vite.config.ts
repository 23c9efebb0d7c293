import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  base: "/",
  publicDir: false,
  logLevel: "warn",
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
