import com.fasterxml.jackson.databind.ObjectMapper;
import com.jayway.jsonpath.spi.cache.CacheProvider;
import com.jayway.jsonpath.spi.cache.NOOPCache;
import com.netflix.conductor.core.utils.ParametersUtils;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;

/**
 * Answers templates with the real server's own resolver: one JSON document {"document", "templates"} a line
 * comes in, one JSON list of answers a line goes out.
 *
 * <p>No path is kept compiled from one template to the next: Jayway's compiled paths remember things
 * of the documents they have read, so that a second answer may differ from the first. The document is read anew
 * for each template, since `append` changes it.
 */
public class Answers {
    public static void main(String[] arguments) throws Exception {
        CacheProvider.setCache(new NOOPCache());
        var mapper = new ObjectMapper();
        var resolver = new ParametersUtils(mapper);
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            var asked = mapper.readTree(line);
            var text = asked.get("document").toString();
            var answers = mapper.createArrayNode();
            for (var template : asked.get("templates")) {
                Map<String, Object> input = Map.of("answer", template.textValue());
                var found = resolver.replace(input, (Object) mapper.readValue(text, Map.class));
                answers.add(mapper.valueToTree(found.get("answer")));
            }
            out.println(mapper.writeValueAsString(answers));
            out.flush();
        }
    }
}
