/* Checks signatures with firmware/c: the secret, then one line each with tabs between: now, id, timestamp, signature, body. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../firmware/c/llm_iot_signature.h"

int main(int count, char **arguments) {
  static const char *const names[] = {"ok", "malformed", "stale", "wrong", "replayed", "full"};
  static llm_iot_verifier verifier;
  static char line[65536];
  if (count != 2 || !llm_iot_init(&verifier, arguments[1])) return 2;
  while (fgets(line, sizeof line, stdin)) {
    char *now = strtok(line, "\t"), *id = strtok(NULL, "\t"), *timestamp = strtok(NULL, "\t");
    char *signature = strtok(NULL, "\t"), *body = strtok(NULL, "\n");
    puts(names[llm_iot_verify(&verifier, id, atoll(timestamp), signature, body, atoll(now))]);
  }
  return 0;
}
