import { Refusal } from './influx-http.ts';

/**
 * Makes calls that reject with a `Refusal` reject with an Error that says what to change.
 * @param name what the server is called
 * @param thing what a token is for: a bucket or a database
 */
export function createExplained(name: () => string, thing: string) {
  return <Given extends unknown[], Result>(work: (...given: Given) => Promise<Result>) =>
    async (...given: Given): Promise<Result> => {
      try {
        return await work(...given);
      } catch (error) {
        throw error instanceof Refusal ? new Error(explanation(error, name(), thing)) : error;
      }
    };
}

function explanation({ statusCode, message }: Refusal, name: string, thing: string): string {
  switch (statusCode) {
    case 401:
      return `${name} does not know the token (${message}); give one of that server`;
    case 403:
      return `${name} does not let the token in (${message}); give one that may read and write the ${thing}`;
    case 404:
      return `${name} is not there (${message}); check the url and the name of the ${thing}`;
    default:
      return `${name} refuses the request: ${message}`;
  }
}
