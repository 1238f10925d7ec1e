#include "llm_iot_signature.h"

#include <stdio.h>
#include <string.h>

/* SHA-256 (FIPS 180-4). On an ESP32, mbedtls_sha256_* does the same in hardware. */

typedef struct {
  uint32_t state[8];
  uint64_t length;
  uint8_t block[64];
} sha256;

static const uint32_t k[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t turn(uint32_t x, int n) { return (x >> n) | (x << (32 - n)); }

static void compress(sha256 *s) {
  uint32_t w[64], v[8];
  for (int i = 0; i < 16; i++)
    w[i] = (uint32_t)s->block[4 * i] << 24 | (uint32_t)s->block[4 * i + 1] << 16 |
           (uint32_t)s->block[4 * i + 2] << 8 | s->block[4 * i + 3];
  for (int i = 16; i < 64; i++)
    w[i] = w[i - 16] + w[i - 7] + (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ (w[i - 15] >> 3)) +
           (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ (w[i - 2] >> 10));
  memcpy(v, s->state, sizeof v);
  for (int i = 0; i < 64; i++) {
    uint32_t e = v[4], a = v[0];
    uint32_t one = v[7] + (turn(e, 6) ^ turn(e, 11) ^ turn(e, 25)) + ((e & v[5]) ^ (~e & v[6])) + k[i] + w[i];
    uint32_t two = (turn(a, 2) ^ turn(a, 13) ^ turn(a, 22)) + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
    memmove(v + 1, v, 7 * sizeof *v);
    v[4] += one;
    v[0] = one + two;
  }
  for (int i = 0; i < 8; i++) s->state[i] += v[i];
}

static void start(sha256 *s) {
  static const uint32_t first[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memcpy(s->state, first, sizeof first);
  s->length = 0;
}

static void add(sha256 *s, const void *data, size_t size) {
  for (const uint8_t *byte = data; size > 0; size--, byte++) {
    s->block[s->length++ % 64] = *byte;
    if (s->length % 64 == 0) compress(s);
  }
}

static void end(sha256 *s, uint8_t digest[32]) {
  uint64_t bits = s->length * 8;
  uint8_t size[8];
  for (int i = 0; i < 8; i++) size[i] = (uint8_t)(bits >> (56 - 8 * i));
  add(s, "\x80", 1);
  while (s->length % 64 != 56) add(s, "", 1);
  add(s, size, 8);
  for (int i = 0; i < 32; i++) digest[i] = (uint8_t)(s->state[i / 4] >> (24 - 8 * (i % 4)));
}

/* Base64, and the check itself. */

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int llm_iot_init(llm_iot_verifier *v, const char *secret) {
  memset(v, 0, sizeof *v);
  if (strncmp(secret, "whsec_", 6) != 0) return 0;
  uint32_t bits = 0;
  int count = 0;
  for (const char *at = secret + 6; *at != 0 && *at != '='; at++) {
    const char *letter = strchr(letters, *at);
    if (letter == NULL) return 0;
    bits = (bits << 6 | (uint32_t)(letter - letters)) & 0xffffff;
    if ((count += 6) < 8) continue;
    if (v->key_length == sizeof v->key) return 0;
    v->key[v->key_length++] = (uint8_t)(bits >> (count -= 8));
  }
  return v->key_length >= 24;
}

static void pad(sha256 *s, const llm_iot_verifier *v, uint8_t with) {
  uint8_t block[64];
  for (int i = 0; i < 64; i++) block[i] = v->key[i] ^ with;
  start(s);
  add(s, block, sizeof block);
}

llm_iot_result llm_iot_verify(llm_iot_verifier *v, const char *id, int64_t timestamp, const char *signature,
                              const char *body, int64_t now) {
  if (!id || !signature || !body || strlen(id) > 128 || strchr(id, '.') || timestamp < 0) return LLM_IOT_MALFORMED;
  if (timestamp > now + LLM_IOT_TOLERANCE || timestamp < now - LLM_IOT_TOLERANCE) return LLM_IOT_STALE;

  uint8_t digest[33] = {0};
  char number[24], expected[48] = "v1,";
  sha256 s;
  pad(&s, v, 0x36);
  add(&s, id, strlen(id));
  add(&s, number, (size_t)snprintf(number, sizeof number, ".%lld.", (long long)timestamp));
  add(&s, body, strlen(body));
  end(&s, digest);
  pad(&s, v, 0x5c);
  add(&s, digest, 32);
  end(&s, digest);
  for (int i = 0; i < 33; i += 3) {
    uint32_t three = (uint32_t)digest[i] << 16 | (uint32_t)digest[i + 1] << 8 | (i + 2 < 33 ? digest[i + 2] : 0);
    for (int j = 0; j < 4; j++) expected[3 + i / 3 * 4 + j] = letters[three >> (18 - 6 * j) & 63];
  }
  expected[46] = '=';

  int right = 0;
  for (const char *word = signature; *word != 0;) {
    size_t length = strcspn(word, " ");
    uint8_t different = length != 47;
    for (size_t i = 0; i < 47; i++) different |= (uint8_t)(expected[i] ^ (i < length ? word[i] : 0));
    right |= !different;
    word += length + (word[length] == ' ');
  }
  if (!right) return LLM_IOT_WRONG;

  start(&s);
  add(&s, id, strlen(id));
  end(&s, digest);
  int room = -1;
  for (int i = 0; i < LLM_IOT_REMEMBER; i++) {
    if (v->seen[i].until < now) room = i;
    else if (memcmp(v->seen[i].id, digest, sizeof v->seen[i].id) == 0) return LLM_IOT_REPLAYED;
  }
  if (room < 0) return LLM_IOT_FULL;
  memcpy(v->seen[room].id, digest, sizeof v->seen[room].id);
  v->seen[room].until = timestamp + LLM_IOT_TOLERANCE;
  return LLM_IOT_OK;
}
