/* Checks the signatures of critical commands: C99, no allocation, nothing but libc. For Arduino, ESP32 and others.
 *
 *   static llm_iot_verifier verifier;
 *   llm_iot_init(&verifier, "whsec_...");
 *   if (llm_iot_verify(&verifier, id, timestamp, signature, body, time(NULL)) == LLM_IOT_OK) ... parse and do `body`
 *
 * id, timestamp and signature are the members of `signature` in the message, body is its `body`, all as the JSON parser
 * gives them. The clock must be right (NTP). Then check that `device_id` in body is your own. */
#ifndef LLM_IOT_SIGNATURE_H
#define LLM_IOT_SIGNATURE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LLM_IOT_TOLERANCE 300 /* seconds that the clocks may differ, and that a signature is good */
#define LLM_IOT_REMEMBER 32   /* ids that are remembered while they could be used again; 24 bytes each */

typedef enum {
  LLM_IOT_OK,
  LLM_IOT_MALFORMED,
  LLM_IOT_STALE,
  LLM_IOT_WRONG,
  LLM_IOT_REPLAYED,
  LLM_IOT_FULL
} llm_iot_result;

typedef struct {
  uint8_t key[64];
  int key_length;
  struct {
    uint8_t id[16];
    int64_t until;
  } seen[LLM_IOT_REMEMBER];
} llm_iot_verifier;

/* Takes `whsec_...` as the hub gave it; 0 when it is none. */
int llm_iot_init(llm_iot_verifier *verifier, const char *secret);

/* now: seconds since 1970 in UTC. Only what is right is remembered. */
llm_iot_result llm_iot_verify(llm_iot_verifier *verifier, const char *id, int64_t timestamp, const char *signature,
                              const char *body, int64_t now);

#ifdef __cplusplus
}
#endif
#endif
